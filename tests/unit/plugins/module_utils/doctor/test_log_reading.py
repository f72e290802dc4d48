# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501  (logs are quoted as they come)
"""What decides in a log, and what it means: texts as the servers write them."""

from __future__ import annotations

import pytest
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor import log_patterns, log_reading

CHAINED = """\
2026-01-31 10:00:00,000 [mlserver] ERROR - Some of the models failed to load during startup!
Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/mlserver/utils.py", line 50, in get_model_uri
    full_model_uri = lookup(model_uri)
FileNotFoundError: [Errno 2] No such file or directory: '/mnt/models/w.bin'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/mlserver/server.py", line 125, in start
    await asyncio.gather(
mlserver.errors.InvalidModelURI: Invalid URI specified for model iris (/mnt/models)
2026-01-31 10:00:00,100 [mlserver.grpc] INFO - Waiting for gRPC server shutdown
Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/runners.py", line 118, in run
    return self._loop.run_until_complete(task)
asyncio.exceptions.CancelledError
"""

VALIDATION = """\
Traceback (most recent call last):
  File "/opt/venv/bin/mlserver", line 8, in <module>
    sys.exit(main())
pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings
http_port
  Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='eighty', input_type=str]
    For further information visit https://errors.pydantic.dev/2.11/v/int_parsing
"""

GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/app/main.py", line 3, in <module>
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 9, in load
    |     raise KeyError("tokenizer")
    | KeyError: 'tokenizer'
    +------------------------------------
"""

TRITON = """\
W1122 14:07:20.764164 1 pinned_memory_manager.cc:273] "Unable to allocate pinned system memory, pinned memory pool will not be available: CUDA driver version is insufficient for CUDA runtime version"
E1122 14:07:20.765681 1 server.cc:241] "CudaDriverHelper has not been initialized."
E1122 14:07:29.862968 1 model_lifecycle.cc:642] "failed to load 'echo' version 1: Invalid argument: unable to find backend library for backend 'onnxruntime', try specifying runtime on the model configuration."
I1122 14:07:29.863064 1 server.cc:674]
+-------+---------+---------------------------------------------------+
| Model | Version | Status                                            |
+-------+---------+---------------------------------------------------+
| echo  | 1       | UNAVAILABLE: Invalid argument: unable to find     |
|       |         | backend library for backend 'onnxruntime'         |
| good  | 1       | READY                                             |
+-------+---------+---------------------------------------------------+
error: creating server: Internal - failed to load all models
"""


def test_the_last_exception_of_a_chain_decides_and_what_only_follows_does_not() -> None:
    reading = log_reading.read(CHAINED)
    assert reading.best == "mlserver.errors.InvalidModelURI: Invalid URI specified for model iris (/mnt/models)"
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/mnt/models/w.bin'" in reading.decisive


def test_a_message_of_several_lines_is_kept() -> None:
    best = log_reading.read(VALIDATION).best
    assert "http_port" in best and "eighty" in best


def test_a_group_of_exceptions() -> None:
    assert "KeyError: 'tokenizer'" in log_reading.read(GROUP).decisive


def test_tritons_table_says_why_and_its_harmless_lines_say_nothing() -> None:
    reading = log_reading.read(TRITON)
    assert reading.rows == [("echo", "1", "Invalid argument: unable to find backend library for backend 'onnxruntime'")]
    assert not any("CudaDriverHelper" in text or "pinned" in text for text in reading.decisive)


def test_head_and_tail_of_a_log_cut_in_a_traceback() -> None:
    reading = log_reading.read("Traceback (most recent call last):\n  File 'x', line 1")
    assert reading.raised == []


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (CHAINED, "KS050", "iris"),
        (TRITON, "KS045", "onnxruntime"),
        ("E1122 10:00:00.000000 1 model_repository_manager.cc:1460] \"Poll failed for model directory 'echo': Invalid model name: Could not determine backend for model 'echo'\"", "KS044", "echo"),
        ("tritonserver: unrecognized option '--model-stroe=/mnt/models'\nUsage: tritonserver [options]", "KS060", "--model-stroe"),
        ("Usage: mlserver start [OPTIONS] FOLDER\nTry 'mlserver start --help' for help.\n\nError: No such option '--wrokers'. Did you mean --workers?", "KS060", "--wrokers"),
        ("usage: main.py [-h] [--model_name MODEL_NAME]\nmain.py: error: unrecognized arguments: --nthread=4", "KS060", "--nthread=4"),
        ("Error: unknown flag: --metrics\nUsage: server", "KS060", "--metrics"),
        ("exec /usr/local/bin/server: exec format error", "KS029", "architecture"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nModuleNotFoundError: No module named 'xgboost'", "KS048", "xgboost"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nImportError: libGL.so.1: cannot open shared object file: No such file or directory", "KS048", "libGL.so.1"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nPermissionError: [Errno 13] Permission denied: '/mnt/.envs'", "KS054", "/mnt/.envs"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nOSError: [Errno 30] Read-only file system: '/app/.metrics'", "KS054", "/app/.metrics"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nOSError: [Errno 98] Address already in use", "KS129", "port"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nRuntimeError: There is no current event loop in thread 'MainThread'.", "KS055", "uvloop"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nValueError: node array from the pickle has an incompatible dtype", "KS119", "version"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\n_pickle.UnpicklingError: invalid load key, 'v'.", "KS119", "damaged"),
        ("Traceback (most recent call last):\n  File \"/opt/venv/lib/python3.11/site-packages/joblib/numpy_pickle.py\", line 755, in load\n    obj = _unpickle(\nIndexError: pop from empty list", "KS119", "damaged"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "KS049", "memory"),
        ("E1122 10:00:00.000000 1 server.cc:1] \"failed to load 'm' version 1: Internal: unable to load plan file: the engine plan file is generated on an incompatible device, expecting compute 8.0 got compute 7.5\"", "KS046", "TensorRT"),
        ("E1122 10:00:00.000000 1 pb_stub.cc:1] \"Unable to initialize shared memory key 'triton_python_backend_shm_region_1' to requested size (268435456 bytes). If you are running Triton inside docker, use '--shm-size' flag\"", "KS047", "shared memory"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\npydantic_core._pydantic_core.PydanticCustomError: Invalid python path: Import strings should have a nonempty module name; received ''", "KS121", "implementation"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\njson.decoder.JSONDecodeError: Expecting value: line 1 column 36 (char 35)", "KS053", "line 1 column 36"),
        ("Traceback (most recent call last):\n  File \"x\", line 1\nFileNotFoundError: [Errno 2] No such file or directory: '/mnt/models/vocab.txt'", "KS120", "/mnt/models/vocab.txt"),
    ],
)  # fmt: skip
def test_known_messages(text: str, code: str, says: str) -> None:
    found = log_patterns.match(log_reading.read(text), log_patterns.SERVER)
    assert found is not None
    assert (found.pattern.code, says in f"{found.says} {found.text}") == (code, True), (found.says, found.text)


def test_an_unknown_exception_is_left_to_its_own_words() -> None:
    reading = log_reading.read(
        'Traceback (most recent call last):\n  File "x", line 1\nbilling.PlanError: seat 7 is not paid'
    )
    assert log_patterns.match(reading, log_patterns.SERVER) is None
    assert reading.best == "billing.PlanError: seat 7 is not paid"


def test_a_users_pattern_comes_first() -> None:
    patterns = log_patterns.user_patterns([{"pattern": r"seat (?P<seat>\d+)", "cause": "seat {seat} is not paid"}])
    reading = log_reading.read('Traceback (most recent call last):\n  File "x", line 1\nModuleNotFoundError: seat 7')
    found = log_patterns.match(reading, log_patterns.SERVER, patterns)
    assert found is not None and (found.pattern.code, found.says) == ("KS101", "seat 7 is not paid")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"cause": "x"}, "has no pattern"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": "x", "severity": "bad"}, "severity"),
        ({"pattern": "x", "kode": "y"}, "kode"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(entry: dict[str, str], words: str) -> None:
    with pytest.raises(log_patterns.PatternError, match=words):
        log_patterns.user_patterns([entry])


SETTINGS = """\
2026-01-31 10:00:00,000 [mlserver] ERROR - Failed load model settings at /mnt/models/model-settings.json.
Traceback (most recent call last):
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value) from None
json.decoder.JSONDecodeError: Expecting value: line 1 column 36 (char 35)
2026-01-31 10:00:02,000 [mlserver] ERROR - Some of the models failed to load during startup!
Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/joblib/numpy_pickle.py", line 741, in load
    with open(filename, "rb") as f:
IsADirectoryError: [Errno 21] Is a directory: '/mnt/models'
"""


def test_settings_that_cannot_be_read_come_before_what_the_server_does_without_them() -> None:
    reading = log_reading.read(SETTINGS)
    found = log_patterns.match(reading, log_patterns.SERVER)
    assert found is not None and found.pattern.code == "KS053"
    assert "/mnt/models/model-settings.json" in found.says
    assert "line 1 column 36" in log_patterns.companion("KS053", reading, found.text)


def test_a_complaint_after_the_usage_text_is_found() -> None:
    help_text = (
        "Usage: tritonserver [options]\n  --exit-on-error <boolean>\n\tExit the server if an error occurs during\n"
    )
    complaint = "The server cannot listen to HTTP requests and GRPC requests at the same address and port 0.0.0.0:8080"
    reading = log_reading.read(f"{help_text}\n{complaint}\n")
    assert reading.best == complaint
    found = log_patterns.match(reading, log_patterns.SERVER)
    assert found is not None and (found.pattern.code, "8080" in found.says) == ("KS129", True)


def test_an_excerpt_reaches_back_to_what_decides() -> None:
    text = "start\n" * 100 + "Traceback (most recent call last):\nOverflowError: page 77\n" + "INFO epoch\n" * 5000
    short = log_reading.excerpt(text, 3000)
    assert len(short) <= 3010
    assert "OverflowError: page 77" in short and short.endswith("INFO epoch\n")
    assert log_reading.excerpt("short", 3000) == "short"
