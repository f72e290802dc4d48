# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Triton python backend model that doubles what it is given."""

from __future__ import annotations

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """What Triton loads."""

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        numbers = pb_utils.get_input_tensor_by_name(request, "numbers").as_numpy()
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("doubled", numbers * 2)])
