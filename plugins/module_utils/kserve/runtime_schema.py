# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of ServingRuntimeSpec in KServe's full CRD (v0.20.0), a shape a paragraph, a field a line.

Written by tests/tools/runtime_schema.py; read by schema.py. A type is a scalar, a shape's name, [T] for a list or {T}
for a map; `!` marks a required field, `=` a default (JSON), `>=` a minimum, `@` the keys by which a list's items are
unique (`@` alone: the items themselves).
"""

from __future__ import annotations

SHAPES = """
affinity
  nodeAffinity node_affinity
  podAffinity pod_affinity
  podAntiAffinity pod_affinity

app_armor_profile
  localhostProfile string
  type! string

aws_elastic_block_store
  fsType string
  partition int32
  readOnly boolean
  volumeID! string

azure_disk
  cachingMode string
  diskName! string
  diskURI! string
  fsType string ="ext4"
  kind string
  readOnly boolean =false

azure_file
  readOnly boolean
  secretName! string
  shareName! string

built_in_adapter
  env [env]
  memBufferBytes integer
  modelLoadingTimeoutMillis integer
  runtimeManagementPort integer
  serverType string

capabilities
  add [string]
  drop [string]

cephfs
  monitors! [string]
  path string
  readOnly boolean
  secretFile string
  secretRef image_pull_secret
  user string

cinder
  fsType string
  readOnly boolean
  secretRef image_pull_secret
  volumeID! string

claim
  name! string
  request string

cluster_trust_bundle
  labelSelector label_selector
  name string
  optional boolean
  path! string
  signerName string

config_map
  defaultMode int32
  items [item]
  name string =""
  optional boolean

config_map_2
  items [item]
  name string =""
  optional boolean

config_map_key_ref
  key! string
  name string =""
  optional boolean

config_map_ref
  name string =""
  optional boolean

container
  args [string]
  command [string]
  env [env] @name
  envFrom [env_from]
  image string
  imagePullPolicy string
  lifecycle lifecycle
  livenessProbe liveness_probe
  name! string
  ports [port] @containerPort,protocol
  readinessProbe liveness_probe
  resizePolicy [resize_policy]
  resources resources
  restartPolicy string
  restartPolicyRules [restart_policy_rule]
  securityContext security_context
  startupProbe liveness_probe
  stdin boolean
  stdinOnce boolean
  terminationMessagePath string
  terminationMessagePolicy string
  tty boolean
  volumeDevices [volume_device] @devicePath
  volumeMounts [volume_mount] @mountPath
  workingDir string

csi
  driver! string
  fsType string
  nodePublishSecretRef image_pull_secret
  readOnly boolean
  volumeAttributes {string}

data_source
  apiGroup string
  kind! string
  name! string

data_source_ref
  apiGroup string
  kind! string
  name! string
  namespace string

downward_api
  defaultMode int32
  items [item_2]

downward_api_2
  items [item_2]

empty_dir
  medium string
  sizeLimit quantity

env
  name! string
  value string
  valueFrom value_from

env_from
  configMapRef config_map_ref
  prefix string
  secretRef config_map_ref

ephemeral
  volumeClaimTemplate volume_claim_template

exec
  command [string]

exit_codes
  operator! string
  values [int32] @

fc
  fsType string
  lun int32
  readOnly boolean
  targetWWNs [string]
  wwids [string]

field_ref
  apiVersion string
  fieldPath! string

file_key_ref
  key! string
  optional boolean =false
  path! string
  volumeName! string

flex_volume
  driver! string
  fsType string
  options {string}
  readOnly boolean
  secretRef image_pull_secret

flocker
  datasetName string
  datasetUUID string

gce_persistent_disk
  fsType string
  partition int32
  pdName! string
  readOnly boolean

git_repo
  directory string
  repository! string
  revision string

glusterfs
  endpoints! string
  path! string
  readOnly boolean

grpc
  port! int32
  service string =""

host_path
  path! string
  type string

http_get
  host string
  httpHeaders [http_header]
  path string
  port! int_or_string
  scheme string

http_header
  name! string
  value! string

image
  pullPolicy string
  reference string

image_pull_secret
  name string =""

iscsi
  chapAuthDiscovery boolean
  chapAuthSession boolean
  fsType string
  initiatorName string
  iqn! string
  iscsiInterface string ="default"
  lun! int32
  portals [string]
  readOnly boolean
  secretRef image_pull_secret
  targetPortal! string

item
  key! string
  mode int32
  path! string

item_2
  fieldRef field_ref
  mode int32
  path! string
  resourceFieldRef resource_field_ref

label_selector
  matchExpressions [match_expression]
  matchLabels {string}

lifecycle
  postStart post_start
  preStop post_start
  stopSignal string

liveness_probe
  exec exec
  failureThreshold int32
  grpc grpc
  httpGet http_get
  initialDelaySeconds int32
  periodSeconds int32
  successThreshold int32
  tcpSocket tcp_socket
  terminationGracePeriodSeconds int64
  timeoutSeconds int32

match_expression
  key! string
  operator! string
  values [string]

metadata


nfs
  path! string
  readOnly boolean
  server! string

node_affinity
  preferredDuringSchedulingIgnoredDuringExecution [preferred_during_scheduling_ignored_during_execution]
  requiredDuringSchedulingIgnoredDuringExecution required_during_scheduling_ignored_during_execution

persistent_volume_claim
  claimName! string
  readOnly boolean

photon_persistent_disk
  fsType string
  pdID! string

pod_affinity
  preferredDuringSchedulingIgnoredDuringExecution [preferred_during_scheduling_ignored_during_execution_2]
  requiredDuringSchedulingIgnoredDuringExecution [pod_affinity_term]

pod_affinity_term
  labelSelector label_selector
  matchLabelKeys [string]
  mismatchLabelKeys [string]
  namespaceSelector label_selector
  namespaces [string]
  topologyKey! string

pod_certificate
  certificateChainPath string
  credentialBundlePath string
  keyPath string
  keyType! string
  maxExpirationSeconds int32
  signerName! string

port
  containerPort! int32
  hostIP string
  hostPort int32
  name string
  protocol string ="TCP"

portworx_volume
  fsType string
  readOnly boolean
  volumeID! string

post_start
  exec exec
  httpGet http_get
  sleep sleep
  tcpSocket tcp_socket

preference
  matchExpressions [match_expression]
  matchFields [match_expression]

preferred_during_scheduling_ignored_during_execution
  preference! preference
  weight! int32

preferred_during_scheduling_ignored_during_execution_2
  podAffinityTerm! pod_affinity_term
  weight! int32

projected
  defaultMode int32
  sources [source]

quobyte
  group string
  readOnly boolean
  registry! string
  tenant string
  user string
  volume! string

rbd
  fsType string
  image! string
  keyring string ="/etc/ceph/keyring"
  monitors! [string]
  pool string ="rbd"
  readOnly boolean
  secretRef image_pull_secret
  user string ="admin"

required_during_scheduling_ignored_during_execution
  nodeSelectorTerms! [preference]

resize_policy
  resourceName! string
  restartPolicy! string

resource_field_ref
  containerName string
  divisor quantity
  resource! string

resources
  claims [claim] @name
  limits {quantity}
  requests {quantity}

resources_2
  limits {quantity}
  requests {quantity}

restart_policy_rule
  action! string
  exitCodes exit_codes

runtime
  affinity affinity
  annotations {string}
  builtInAdapter built_in_adapter
  containers! [container]
  disabled boolean
  grpcDataEndpoint string
  grpcEndpoint string
  hostIPC boolean
  httpDataEndpoint string
  imagePullSecrets [image_pull_secret]
  labels {string}
  multiModel boolean
  nodeSelector {string}
  protocolVersions [string]
  replicas integer
  schedulerName string
  storageHelper storage_helper
  supportedModelFormats [supported_model_format]
  tolerations [toleration]
  volumes [volume]
  workerSpec worker_spec

scale_io
  fsType string ="xfs"
  gateway! string
  protectionDomain string
  readOnly boolean
  secretRef! image_pull_secret
  sslEnabled boolean
  storageMode string ="ThinProvisioned"
  storagePool string
  system! string
  volumeName string

se_linux_options
  level string
  role string
  type string
  user string

secret
  defaultMode int32
  items [item]
  optional boolean
  secretName string

security_context
  allowPrivilegeEscalation boolean
  appArmorProfile app_armor_profile
  capabilities capabilities
  privileged boolean
  procMount string
  readOnlyRootFilesystem boolean
  runAsGroup int64
  runAsNonRoot boolean
  runAsUser int64
  seLinuxOptions se_linux_options
  seccompProfile app_armor_profile
  windowsOptions windows_options

service_account_token
  audience string
  expirationSeconds int64
  path! string

sleep
  seconds! int64

source
  clusterTrustBundle cluster_trust_bundle
  configMap config_map_2
  downwardAPI downward_api_2
  podCertificate pod_certificate
  secret config_map_2
  serviceAccountToken service_account_token

spec
  accessModes [string]
  dataSource data_source
  dataSourceRef data_source_ref
  resources resources_2
  selector label_selector
  storageClassName string
  volumeAttributesClassName string
  volumeMode string
  volumeName string

storage_helper
  disabled boolean

storageos
  fsType string
  readOnly boolean
  secretRef image_pull_secret
  volumeName string
  volumeNamespace string

supported_model_format
  autoSelect boolean
  name! string
  priority int32 >=1
  version string

tcp_socket
  host string
  port! int_or_string

toleration
  effect string
  key string
  operator string
  tolerationSeconds int64
  value string

value_from
  configMapKeyRef config_map_key_ref
  fieldRef field_ref
  fileKeyRef file_key_ref
  resourceFieldRef resource_field_ref
  secretKeyRef config_map_key_ref

volume
  awsElasticBlockStore aws_elastic_block_store
  azureDisk azure_disk
  azureFile azure_file
  cephfs cephfs
  cinder cinder
  configMap config_map
  csi csi
  downwardAPI downward_api
  emptyDir empty_dir
  ephemeral ephemeral
  fc fc
  flexVolume flex_volume
  flocker flocker
  gcePersistentDisk gce_persistent_disk
  gitRepo git_repo
  glusterfs glusterfs
  hostPath host_path
  image image
  iscsi iscsi
  name! string
  nfs nfs
  persistentVolumeClaim persistent_volume_claim
  photonPersistentDisk photon_persistent_disk
  portworxVolume portworx_volume
  projected projected
  quobyte quobyte
  rbd rbd
  scaleIO scale_io
  secret secret
  storageos storageos
  vsphereVolume vsphere_volume

volume_claim_template
  metadata metadata
  spec! spec

volume_device
  devicePath! string
  name! string

volume_mount
  mountPath! string
  mountPropagation string
  name! string
  readOnly boolean
  recursiveReadOnly string
  subPath string
  subPathExpr string

vsphere_volume
  fsType string
  storagePolicyID string
  storagePolicyName string
  volumePath! string

windows_options
  gmsaCredentialSpec string
  gmsaCredentialSpecName string
  hostProcess boolean
  runAsUserName string

worker_spec
  affinity affinity
  annotations {string}
  containers! [container]
  hostIPC boolean
  imagePullSecrets [image_pull_secret]
  labels {string}
  nodeSelector {string}
  pipelineParallelSize integer
  schedulerName string
  tensorParallelSize integer
  tolerations [toleration]
  volumes [volume]
"""
