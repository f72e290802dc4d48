# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the fields of a ServingRuntime; a unit test holds it to the field table in module_utils."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of one runtime, shared by everything that takes one."""

    DOCUMENTATION = r"""
notes:
  - >-
    The fields of the spec are known in Ansible's spelling and under the CRD's own names, so that a spec can be pasted
    from YAML unchanged. Giving one field in both spellings is an error.
  - >-
    Text is text. An integer is taken as its digits; a float or boolean where text is wanted is refused, since YAML has
    already made 1.1 of C(1.10). Quote it.
  - >-
    Null means not given. C([]), C({}) and C('') are values of their own; over a preset, C([]) and C({}) take the
    preset's value away, a null in a map of strings takes one key away, and an environment variable with
    C(value) null takes the variable of that name away.
  - >-
    Over a preset, containers merge by name and so do their environment variables; no two may be given one name. Maps
    merge, and the limit of a device takes the preset's request of it along. All other lists, C(args) among them, are
    replaced.
  - >-
    Go templates such as C({{.Name}}) are filled in by KServe from the InferenceService's metadata. Keep
    Jinja away from them with C(!unsafe) or a raw block.
options:
  supported_model_formats:
    description:
      - The model formats that this runtime can serve.
      - An InferenceService that names the runtime must ask for one of them; without a runtime named, KServe chooses
        among the runtimes whose entry has O(supported_model_formats[].auto_select).
    type: list
    elements: dict
    aliases: [supportedModelFormats]
    suboptions:
      name:
        description:
          - Name of the model format, compared exactly and with case.
        type: str
        required: true
      version:
        description:
          - Version of the format, compared as text, so that V("1") and V("1.0") differ. The major version alone is
            usual.
          - An entry without a version matches services that name none.
        type: str
      auto_select:
        description:
          - Whether KServe may choose this runtime for services of this format that name no runtime.
          - KServe chooses again whenever it looks at a service, so that setting it can move running services here.
        type: bool
        aliases: [autoSelect]
      priority:
        description:
          - Where several runtimes can be chosen, the highest number wins; none is the lowest. At least 1.
          - Counts only with O(supported_model_formats[].auto_select), and every namespaced runtime comes before the
            cluster's.
          - All versions of one format must have the same priority.
        type: int
  multi_model:
    description:
      - Marks a runtime for ModelMesh. B(Leave it false) unless ModelMesh is installed, since KServe then never
        chooses the runtime by itself.
      - Several models on one Triton or MLServer pod need no mark, a storage URI with a repository of models is
        enough.
    type: bool
    aliases: [multiModel]
  disabled:
    description:
      - Takes the runtime out of use. Services that name it fail with C(RuntimeDisabled), and KServe's webhook checks
        nothing.
      - A disabled namespaced runtime still hides a cluster runtime of the same name.
    type: bool
  protocol_versions:
    description:
      - The inference protocols that the server speaks, of V(v1), V(v2), V(grpc-v1) and V(grpc-v2). None at all stands
        for all.
      - A service that names no protocol is taken to ask for V(v1) when KServe chooses a runtime.
    type: list
    elements: str
    aliases: [protocolVersions]
  containers:
    description:
      - The containers of the pod. KServe looks for the one named C(kserve-container) and lays the service's own
        settings over it.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the container.
        type: str
        required: true
      image:
        description:
          - The container's image.
        type: str
      command:
        description:
          - Executable in the image, in place of its entrypoint.
        type: list
        elements: str
      args:
        description:
          - Arguments of the command. A service's own arguments are appended to them.
        type: list
        elements: str
      env:
        description:
          - Environment variables. KServe refuses C(PYTHONPATH) from v0.18 on.
          - Keep secrets out of O(containers[].env[].value) and refer to a Secret by O(containers[].env[].value_from).
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the variable.
            type: str
            required: true
          value:
            description:
              - Its value. Go templates are filled in.
              - A null, without O(containers[].env[].value_from), takes the preset's variable of this name away; an
                empty text sets it to nothing.
            type: str
          value_from:
            description:
              - Where the value comes from, one of Kubernetes' C(fieldRef), C(resourceFieldRef), C(configMapKeyRef)
                and C(secretKeyRef), in Kubernetes' own spelling.
            type: dict
            aliases: [valueFrom]
      env_from:
        description:
          - ConfigMaps and Secrets all of whose keys become variables, as Kubernetes' C(envFrom).
        type: list
        elements: dict
        aliases: [envFrom]
      resources:
        description:
          - Compute resources. Quantities are text such as V(500m) or V(4Gi); the API refuses a float.
        type: dict
        suboptions:
          limits:
            description:
              - The most that the container may use. Accelerators such as C(nvidia.com/gpu) belong here.
            type: dict
          requests:
            description:
              - What the scheduler sets aside for it.
            type: dict
          claims:
            description:
              - Resource claims of the pod that this container uses. A runtime itself cannot define claims.
            type: list
            elements: dict
      image_pull_policy:
        description:
          - When the image is pulled.
        type: str
        choices: [Always, IfNotPresent, Never]
        aliases: [imagePullPolicy]
      working_dir:
        description:
          - The command's working directory.
        type: str
        aliases: [workingDir]
      ports:
        description:
          - Ports of the container, as in Kubernetes. In Standard mode the first one becomes port 80 of the service;
            Knative takes a single one, named C(http1) or C(h2c).
        type: list
        elements: dict
      volume_mounts:
        description:
          - Where the pod's volumes are mounted, as in Kubernetes. KServe itself mounts the model at C(/mnt/models).
        type: list
        elements: dict
        aliases: [volumeMounts]
      volume_devices:
        description:
          - Block devices of the pod's volumes, as in Kubernetes.
        type: list
        elements: dict
        aliases: [volumeDevices]
      liveness_probe:
        description:
          - When the container is restarted, as in Kubernetes, with its fields in camelCase.
        type: dict
        aliases: [livenessProbe]
      readiness_probe:
        description:
          - When the pod gets requests, as in Kubernetes. Without one KServe adds a TCP probe in Standard mode.
        type: dict
        aliases: [readinessProbe]
      startup_probe:
        description:
          - Holds the other probes back until it succeeds, which a model that loads for minutes needs.
        type: dict
        aliases: [startupProbe]
      security_context:
        description:
          - The container's security settings, as in Kubernetes. On OpenShift leave C(runAsUser) out.
        type: dict
        aliases: [securityContext]
      lifecycle:
        description:
          - Hooks after the start and before the end, as in Kubernetes.
        type: dict
      resize_policy:
        description:
          - What a change of resources does to the running container, as in Kubernetes.
        type: list
        elements: dict
        aliases: [resizePolicy]
      restart_policy:
        description:
          - Restart policy of this container; Kubernetes takes it for init containers mostly.
        type: str
        aliases: [restartPolicy]
      restart_policy_rules:
        description:
          - Exit codes that make an exception to O(containers[].restart_policy), as in Kubernetes.
        type: list
        elements: dict
        aliases: [restartPolicyRules]
      stdin:
        description:
          - Whether standard input is kept open.
        type: bool
      stdin_once:
        description:
          - Whether standard input is closed after the first client.
        type: bool
        aliases: [stdinOnce]
      tty:
        description:
          - Whether a terminal is allocated.
        type: bool
      termination_message_path:
        description:
          - File with the container's last words.
        type: str
        aliases: [terminationMessagePath]
      termination_message_policy:
        description:
          - Whether the end of the log serves where that file is empty.
        type: str
        choices: [File, FallbackToLogsOnError]
        aliases: [terminationMessagePolicy]
  volumes:
    description:
      - Volumes of the pod, as in Kubernetes. A C(Memory) emptyDir counts against the containers' memory.
    type: list
    elements: dict
  node_selector:
    description:
      - Labels that a node must have.
    type: dict
    aliases: [nodeSelector]
  affinity:
    description:
      - Node and pod affinity, as in Kubernetes, with its fields in camelCase.
    type: dict
  tolerations:
    description:
      - Taints that the pod bears.
    type: list
    elements: dict
    suboptions:
      key:
        description:
          - Key of the taint; none with V(Exists) bears every taint.
        type: str
      operator:
        description:
          - Whether the taint's value must be equal or may be anything.
        type: str
        choices: [Exists, Equal]
      value:
        description:
          - Value of the taint.
        type: str
      effect:
        description:
          - Effect of the taint; none means every effect.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
      toleration_seconds:
        description:
          - With V(NoExecute), how long the pod stays.
        type: int
        aliases: [tolerationSeconds]
  labels:
    description:
      - Labels of the B(pods). For the runtime's own see O(metadata_labels).
    type: dict
  annotations:
    description:
      - Annotations of the B(pods), such as where Prometheus finds metrics. For the runtime's own see
        O(metadata_annotations).
    type: dict
  image_pull_secrets:
    description:
      - Secrets for the image registry, in the namespace of the service.
    type: list
    elements: dict
    aliases: [imagePullSecrets]
    suboptions:
      name:
        description:
          - Name of the Secret.
        type: str
        required: true
  scheduler_name:
    description:
      - Scheduler of the pods.
    type: str
    aliases: [schedulerName]
  host_ipc:
    description:
      - Asks for the host's IPC namespace. KServe loses it on the way to the pod; use a memory-backed C(/dev/shm).
    type: bool
    aliases: [hostIPC]
  worker_spec:
    description:
      - Makes this a multi-node runtime and describes its workers' pods. It serves services whose predictor has a
        workerSpec, and no others.
      - KServe refuses to take it away again from an existing runtime.
    type: dict
    aliases: [workerSpec]
    suboptions:
      pipeline_parallel_size:
        description:
          - Number of nodes that a model is split over, the head included. At least 1.
        type: int
        aliases: [pipelineParallelSize]
      tensor_parallel_size:
        description:
          - Number of GPUs for each node. At least 1.
        type: int
        aliases: [tensorParallelSize]
      containers:
        description:
          - The worker's container, exactly one, with the suboptions of O(containers).
        type: list
        elements: dict
      volumes:
        description:
          - As O(volumes), for the workers.
        type: list
        elements: dict
      node_selector:
        description:
          - As O(node_selector), for the workers.
        type: dict
        aliases: [nodeSelector]
      affinity:
        description:
          - As O(affinity), for the workers.
        type: dict
      tolerations:
        description:
          - As O(tolerations), for the workers.
        type: list
        elements: dict
      labels:
        description:
          - As O(labels), for the workers.
        type: dict
      annotations:
        description:
          - As O(annotations), for the workers.
        type: dict
      image_pull_secrets:
        description:
          - As O(image_pull_secrets), for the workers.
        type: list
        elements: dict
        aliases: [imagePullSecrets]
      scheduler_name:
        description:
          - As O(scheduler_name), for the workers.
        type: str
        aliases: [schedulerName]
      host_ipc:
        description:
          - As O(host_ipc), for the workers.
        type: bool
        aliases: [hostIPC]
  grpc_endpoint:
    description:
      - B(ModelMesh only), without effect on an InferenceService of KServe's own modes. Endpoint for model management,
        as C(port:8085) or C(unix:/path).
    type: str
    aliases: [grpcEndpoint]
  grpc_data_endpoint:
    description:
      - B(ModelMesh only). Endpoint for inference by gRPC.
    type: str
    aliases: [grpcDataEndpoint]
  http_data_endpoint:
    description:
      - B(ModelMesh only). Endpoint for inference by HTTP.
    type: str
    aliases: [httpDataEndpoint]
  replicas:
    description:
      - B(ModelMesh only). Number of pods of the runtime. A service's own number is the InferenceService's
        C(minReplicas).
    type: int
  storage_helper:
    description:
      - B(ModelMesh only). KServe's own storage initializer is not switched off by it.
    type: dict
    aliases: [storageHelper]
    suboptions:
      disabled:
        description:
          - Disables ModelMesh's storage helper.
        type: bool
  built_in_adapter:
    description:
      - B(ModelMesh only). The adapter between ModelMesh and the server.
    type: dict
    aliases: [builtInAdapter]
    suboptions:
      server_type:
        description:
          - Type of the server, V(triton), V(mlserver) or V(ovms) among others.
        type: str
        aliases: [serverType]
      runtime_management_port:
        description:
          - Port on which the server takes requests to load models.
        type: int
        aliases: [runtimeManagementPort]
      mem_buffer_bytes:
        description:
          - Memory that is not counted as room for models, in bytes.
        type: int
        aliases: [memBufferBytes]
      model_loading_timeout_millis:
        description:
          - Time for loading a model, in milliseconds.
        type: int
        aliases: [modelLoadingTimeoutMillis]
      env:
        description:
          - Environment variables of the adapter, with the suboptions of O(containers[].env).
        type: list
        elements: dict
  metadata_labels:
    description:
      - Labels of the runtime object itself.
    type: dict
  metadata_annotations:
    description:
      - Annotations of the runtime object itself. C(serving.kserve.io/server-type) makes KServe from v0.17 on set up a
        service for C(mlserver), C(tritonserver) or C(torchserve).
    type: dict
  auto_select:
    description:
      - Sets C(autoSelect) on every model format. An entry of O(supported_model_formats) that has its own keeps it.
      - With V(false) a preset's priorities go too, so that it can be installed without moving a service to it.
    type: bool
  additional_spec:
    description:
      - Fields of a newer KServe that this collection does not know yet, in the CRD's spelling. They are put into the
        spec as they are; inside C(containers), by name, and C(workerSpec) too.
      - The cluster's own CRD decides. A field that it does not know is an error, never dropped in silence.
    type: dict
"""
