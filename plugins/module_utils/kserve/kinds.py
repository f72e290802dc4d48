# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KServe's kinds and the labels and annotations that it reads; ``Resource(*SERVING_RUNTIME)`` makes an API path."""

from __future__ import annotations

# (apiVersion, kind, plural, namespaced), from KServe's config/crd/full
SERVING_RUNTIME = ("serving.kserve.io/v1alpha1", "ServingRuntime", "servingruntimes", True)
CLUSTER_SERVING_RUNTIME = ("serving.kserve.io/v1alpha1", "ClusterServingRuntime", "clusterservingruntimes", False)
INFERENCE_SERVICE = ("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices", True)
INFERENCE_GRAPH = ("serving.kserve.io/v1alpha1", "InferenceGraph", "inferencegraphs", True)
TRAINED_MODEL = ("serving.kserve.io/v1alpha1", "TrainedModel", "trainedmodels", True)

# pkg/constants/constants.go
CONTAINER = "kserve-container"
TRANSFORMER_CONTAINER = "transformer-container"
WORKER_CONTAINER = "worker-container"
STORAGE_INITIALIZER = "storage-initializer"
LABEL_SERVICE = "serving.kserve.io/inferenceservice"
LABEL_COMPONENT = "component"
ANNOTATION_SERVER_TYPE = "serving.kserve.io/server-type"
ANNOTATION_DEPLOYMENT_MODE = "serving.kserve.io/deploymentMode"
ANNOTATION_AUTOSCALER_CLASS = "serving.kserve.io/autoscalerClass"
ANNOTATION_STOP = "serving.kserve.io/stop"
ANNOTATION_DISABLE_AUTO_UPDATE = "serving.kserve.io/disable-auto-update"
ANNOTATION_METRICS_PORT = "prometheus.kserve.io/port"
ANNOTATION_METRICS_PATH = "prometheus.kserve.io/path"

MODEL_MOUNT = "/mnt/models"
FIELD_MANAGER = "modelserving.kserve"
