# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What known log messages mean. Users extend the table from a variable (see ``user_patterns``).

A pattern is searched in each decisive text of a log (see log_reading), the most telling text first; within one text
the first pattern of the table wins. ``says`` may use the pattern's named groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.findings import SEVERITIES
from ansible_collections.modelserving.kserve.plugins.module_utils.doctor.log_reading import Reading

ANY = "any"
STORAGE = "storage"
SERVER = "server"


@dataclass(frozen=True)
class Pattern:
    """``where``: any container, the storage initializer, or a server; ``title`` None takes the code's own."""

    code: str
    where: str
    pattern: re.Pattern[str]
    says: str
    remedy: str | None = None
    title: str | None = None
    severity: str | None = None


@dataclass(frozen=True)
class Match:
    pattern: Pattern
    text: str
    says: str
    remedy: str | None


class PatternError(ValueError):
    """A user's pattern that cannot be used; the message says which and why."""


_TABLE: tuple[tuple[str, str, str, str, str | None], ...] = (
    # -- the storage initializer (kserve python/storage, botocore, google, azure, huggingface_hub, requests) -------
    ("KS040", STORAGE, r"Cannot recognize storage type for (?P<uri>\S+)",
     "the scheme of {uri} is none that the storage initializer knows", None),
    ("KS127", STORAGE, r"WRONG_VERSION_NUMBER|wrong version number",
     "the model store answers plain HTTP where TLS is asked for",
     "Use http:// in the address, or the store's TLS port."),
    ("KS038", STORAGE, r"Failed to find ca bundle file\((?P<path>[^)]*)\)",
     "the CA bundle {path} is not there",
     "Correct cabundle in the storage secret, or caBundleConfigMapName in ConfigMap inferenceservice-config."),
    ("KS038", STORAGE, r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|x509: |SSL validation failed",
     "the certificate of the model store is not trusted", None),
    ("KS036", STORAGE, r"No model found in (?P<path>\S+)",
     "there is no model at {path}", None),
    ("KS127", STORAGE, r"(?:snapshot folder|cached files|HF_HUB_OFFLINE).*outgoing traffic has been disabled",
     "huggingface_hub is offline (HF_HUB_OFFLINE) and has no copy of the model",
     "Take HF_HUB_OFFLINE away, or store the model elsewhere."),
    ("KS037", STORAGE, r"GatedRepo|[Cc]annot access gated repo|gated repository",
     "the model is gated, and its owner has not admitted the token's user", None),
    ("KS036", STORAGE, r"NoSuchBucket|NoSuchKey|bucket(?: '[^']*')? does not exist|Local path \S+ does not exist|"
     r"\(404\)|404 Client Error|returned a 404|Error 404|\b404 (?:GET|HEAD|POST)\b|ResourceNotFound|BlobNotFound|"
     r"ContainerNotFound|RepositoryNotFound|RevisionNotFound|(?<!Local)EntryNotFound|"
     r"google\.api_core\.exceptions\.NotFound|Not Found|resource (?:'[^']*' )?not found",
     "the model store has nothing under this path", None),
    ("KS037", STORAGE, r"NoCredentialsError|Unable to locate credentials|PartialCredentials|InvalidAccessKeyId|"
     r"SignatureDoesNotMatch|AccessDenied|\(403\)|\(401\)|403 Client Error|401 Client Error|returned a 40[13]|"
     r"\b40[13] (?:GET|HEAD|POST)\b|Forbidden|Unauthorized|(?i:authentication ?failed)|AuthenticationError|"
     r"DefaultCredentialsError|default credentials were not found|ExpiredToken|InvalidToken|"
     r"ClientAuthenticationError|NoAuthenticationInformation|PublicAccessNotPermitted|Anonymous caller|"
     r"Invalid AWS credentials|(?i:access denied)",
     "the model store does not accept the credentials that the service account gives", None),
    ("KS127", STORAGE, r"Could not connect to the endpoint URL: \"?(?P<url>[^\"\s]+)",
     "the model store at {url} cannot be reached", None),
    ("KS127", STORAGE, r"[Ff]ailed to connect to proxy(?: URL)?:? \"?(?P<url>[^\"\s]+)",
     "the proxy {url} cannot be reached", "Correct HTTP_PROXY, HTTPS_PROXY or NO_PROXY of the storage initializer."),
    ("KS127", STORAGE, r"(?:failed with status code|Server Error|returned a) ?(?P<status>5\d\d)",
     "the model store answers with status {status}", "Look at the model store."),
    ("KS127", STORAGE, r"Name or service not known|Temporary failure in name resolution|NameResolutionError|"
     r"Failed to resolve|getaddrinfo|no such host|Max retries exceeded|Connection refused|ConnectTimeout|"
     r"EndpointConnectionError|timed out|(?:Connect|Read) timeout on|No route to host|Network is unreachable|"
     r"[Cc]annot connect to host|Failed to connect to|check your internet connection",
     "the model store cannot be reached", None),
    ("KS128", STORAGE, r"Invalid bucket name (?P<name>\"[^\"]*\")",
     "{name} is no name that a bucket can have", "Correct storageUri: s3://BUCKET/PATH."),
    ("KS128", STORAGE, r"\[Errno 28\]|No space left on device",
     "the volume that takes the model is full", "Raise the ephemeral storage, or use a PersistentVolumeClaim."),
    # -- programs that do not start -----------------------------------------------------------------------------
    ("KS029", ANY, r"exec format error|Exec format error",
     "the program is built for another CPU architecture than the node's", None),
    ("KS060", ANY, r"(?i:unrecogni[sz]ed|unknown|unexpected|no such|invalid(?= option| flag)) "
     r"(?:option|argument|arguments|flag|shorthand flag|command|command line flag)s?:? *(?P<argument>.*)",
     "the server does not know the argument {argument}", None),
    ("KS060", ANY, r"flag provided but not defined: *(?P<argument>\S+)",
     "the server does not know the argument {argument}", None),
    ("KS060", ANY, r"(?:argument|option) (?P<argument>-\S+).*(?:invalid|expected|requires|not a valid)",
     "the value of the argument {argument} is not valid", None),
    ("KS060", ANY, r"the following arguments are required: (?P<argument>.*)",
     "the server misses the argument {argument}", None),
    # -- accelerators -------------------------------------------------------------------------------------------
    ("KS049", SERVER, r"CUDA out of memory|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY|OutOfMemoryError: CUDA|"
     r"failed to allocate .*(?:GPU|CUDA|device memory)|out of memory.*(?:cuda|gpu)",
     "the GPU's memory does not suffice", "Use fewer instances or a smaller batch, or a larger GPU."),
    ("KS049", SERVER, r"CUDA driver version is insufficient|forward compatibility was attempted|"
     r"driver version mismatch|Driver/library version mismatch|no CUDA-capable device|libcuda\.so",
     "the node's GPU driver does not fit the image",
     "Use an image for the driver, update the driver, or place the pod on a GPU node."),
    ("KS046", SERVER, r"incompatible device|generated on an? .*device|plan file.*(?:version|platform|device)|"
     r"[Ss]erialization (?:\(Serialization )?.*version|engine plan file is (?:not compatible|generated)|"
     r"unable to load plan file|(?:TensorRT|TRT).*version .*(?:mismatch|does not match)",
     "the TensorRT plan was built for another device or TensorRT version", None),
    ("KS047", SERVER, r"[Uu]nable to initialize shared memory key|shared memory.*(?:No space|too small|insufficient)|"
     r"/dev/shm|[Ff]ailed to (?:initialize|increase|grow) .*shared memory",
     "the shared memory at /dev/shm is too small", None),
    # -- Triton -------------------------------------------------------------------------------------------------
    ("KS045", SERVER, r"[Uu]nable to find (?:backend library|shared library)[^']*'?(?P<backend>[\w.-]*)'?",
     "this image has no backend {backend}", None),
    ("KS045", SERVER, r"unable to find '(?P<library>libtriton_\S+?)' or '[^']*' for model",
     "this image has no {library}", None),
    ("KS048", ANY, r"ModuleNotFoundError: No module named '?(?P<module>[\w.\-]+)'?",
     "the Python module {module} is not there", None),
    ("KS048", ANY, r"ImportError: (?P<what>(?:cannot import name|lib\S+: cannot open shared object).*)",
     "an import fails: {what}", None),
    ("KS044", SERVER, r"[Pp]oll failed for model directory '?(?P<model>[^':]+)'?",
     "the directory of model {model} is not laid out as Triton wants it", None),
    ("KS044", SERVER, r"(?:at least one version must be available|failed to stat file|invalid model configuration|"
     r"Invalid model name|model configuration .*(?:must|expected)|must specify 'platform' or 'backend'|"
     r"unexpected platform type|Error parsing text-format|failed to read text proto|"
     r"expects? (?:model|directory) name|unable to autofill|does not match the name)",
     "the model's directory or config.pbtxt is not what Triton wants", None),
    # -- MLServer and Python servers ----------------------------------------------------------------------------
    ("KS055", SERVER, r"There is no current event loop in thread",
     "MLServer's worker pool does not work with uvloop 0.22 or later", None),
    ("KS050", SERVER, r"Invalid URI specified for model (?P<model>\S+) \((?P<uri>[^)]*)\)",
     "MLServer finds no file with a well-known name for model {model} at {uri}", None),
    ("KS050", SERVER, r"IsADirectoryError: .*Is a directory: '(?P<path>[^']+)'",
     "there is no model file with a name that the implementation knows in {path}", None),
    ("KS050", SERVER, r"Invalid URI specified for model",
     "MLServer finds no file with a well-known name", None),
    ("KS053", SERVER, r"Failed load model settings at (?P<path>[^\s:]+)",
     "MLServer cannot read {path}", None),
    ("KS053", SERVER, r"JSONDecodeError: (?P<what>.*)",
     "model-settings.json or settings.json is not JSON: {what}", None),
    ("KS121", SERVER, r"(?:ensure this value contains valid import path|import path or valid callable|"
     r"[Ii]nvalid (?:python path|import path|implementation)|Import strings should|not a (?:sub)?class of|import_error|"
     r"(?:model_)?implementation(?:_)?\b.*(?:[Ii]nput should|missing|required|[Ff]ield))",
     "the model implementation is empty or no class that can be imported", None),
    ("KS054", ANY, r"(?:PermissionError.*?Permission denied|Permission denied|Read-only file system)"
     r"(?:[^'\"]*['\"](?P<path>[^'\"]+)['\"])?",
     "access to {path} is denied", None),
    ("KS119", SERVER, r"incompatible dtype|Can't get attribute|invalid load key|unsupported pickle protocol|"
     r"UnpicklingError|could not find MARK|Ran out of input|pickle data was truncated|input_stream|"
     r"Unknown (?:layer|opset)|opset \d+|was saved with|trained with a (?:newer|different)|"
     r"XGBoostError.*(?:[Ii]nvalid|magic|format|Check failed)|LightGBMError.*(?:[Uu]nknown model format|format error)|"
     r"BadZipFile|does not support.*pickle|KeyError: \d+\b|"
     r"raised in \S*(?:pickle|joblib|cloudpickle|dill|torch/serialization)\S*\.py",
     "the model file is damaged or was saved by another version of its library", None),
    ("KS120", ANY, r"(?:FileNotFoundError|NoSuchFile|No such file or directory)[^'\"]*(?:['\"](?P<path>[^'\"]+)['\"])?",
     "a file is missing: {path}", None),
    ("KS129", ANY, r"at the same address and port (?P<port>\S+)",
     "two of the server's endpoints are given the same port ({port})", None),
    ("KS129", ANY, r"[Aa]ddress already in use|EADDRINUSE|errno 98\b|failed to bind|Failed to bind|"
     r"Failed to add port to server|Socket '[^']*' already in use",
     "another process of the pod already has the port", None),
    ("KS101", ANY, r"\[Errno 28\]|No space left on device",
     "a volume of the container is full", "Free the volume, give it a larger size limit, or mount an emptyDir."),
    ("KS056", SERVER, r"(?:exit ?code|signal)[ :=]*-?9\b|SIGKILL",
     "a process of the server was killed, most likely for memory", None),
    ("KS056", ANY, r"\bMemoryError\b|Cannot allocate memory|std::bad_alloc|DefaultCPUAllocator",
     "the process cannot get the memory it asks for", None),
)  # fmt: skip

# Looked for in every text before anything else: what makes a server go on without its settings and fail later for
# another reason, and what a client sums up as a store that it cannot reach.
_ROOTS = frozenset(
    pattern
    for _code, _where, pattern, _says, _remedy in _TABLE
    if pattern.startswith(("Failed load model settings at", "WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED"))
)

# Lines that say more about a finding than the line that decides: added to the cause of that code.
COMPANIONS: dict[str, re.Pattern[str]] = {
    "KS044": re.compile(r"Error parsing text-format [\w.]+: (?P<detail>.*)"),
    "KS045": re.compile(r"(?P<detail>libtriton_\S+)"),
    "KS127": re.compile(
        r"(?P<detail>Failed to resolve '[^']+'|Connection refused|[Cc]onnection timed out|"
        r"[Cc]annot connect to host \S+)"
    ),
    "KS053": re.compile(r"(?P<detail>\S*(?:JSONDecodeError|ValidationError): .*)"),
}


def companion(code: str, reading: Reading, quote: str) -> str:
    """The detail that another line of the log adds to a finding; "" where there is none."""
    pattern = COMPANIONS.get(code)
    if pattern is None:
        return ""
    for text in reading.decisive:
        found = pattern.search(text)
        if found and found["detail"] not in quote:
            return found["detail"].strip()
    return ""


TABLE: tuple[Pattern, ...] = tuple(
    Pattern(code, where, re.compile(pattern), says, remedy) for code, where, pattern, says, remedy in _TABLE
)

USER_KEYS = ("pattern", "cause", "code", "severity", "title", "remedy", "where")


def user_patterns(entries: Iterable[Mapping[str, Any]]) -> tuple[Pattern, ...]:
    """A user's patterns, put before the collection's own.

    :param entries: mappings with ``pattern`` (a regular expression, required), ``cause`` (a phrase; it may use named
        groups as ``{name}``), ``code`` (KS101 by default), ``severity``, ``title``, ``remedy`` and ``where``
        (any, storage or server).
    :raises PatternError: for a pattern that cannot be used.
    """
    return tuple(_user_pattern(index, entry) for index, entry in enumerate(entries))


def _user_pattern(index: int, entry: Mapping[str, Any]) -> Pattern:
    where = f"log_patterns[{index}]"
    unknown = sorted(set(entry) - set(USER_KEYS))
    if unknown:
        raise PatternError(f"{where} has unknown keys: {', '.join(unknown)}; it may have {', '.join(USER_KEYS)}.")
    try:
        pattern = re.compile(str(entry["pattern"]))
    except KeyError:
        raise PatternError(f"{where} has no pattern.") from None
    except re.error as error:
        raise PatternError(f"{where}: {entry['pattern']!r} is no regular expression ({error}).") from error
    severity = entry.get("severity")
    if severity is not None and severity not in SEVERITIES:
        raise PatternError(f"{where}: severity must be one of {', '.join(SEVERITIES)}, not {severity!r}.")
    return Pattern(
        code=str(entry.get("code") or "KS101"),
        where=str(entry.get("where") or ANY),
        pattern=pattern,
        says=str(entry.get("cause") or "the log has a line that you asked to look for"),
        remedy=entry.get("remedy"),
        title=entry.get("title"),
        severity=severity,
    )


def match(reading: Reading, where: str, extra: Iterable[Pattern] = ()) -> Match | None:
    """The pattern that explains a log: user's patterns first, then the table, on the most telling text first."""
    texts = reading.decisive
    for pattern in extra:
        for text in [*texts, *reading.last]:
            found = _try(pattern, text, where)
            if found:
                return found
    for pattern in TABLE:
        if pattern.pattern.pattern in _ROOTS:
            found = next((item for text in texts if (item := _try(pattern, text, where))), None)
            if found:
                return found
    for text in texts or reading.last:
        place = reading.places.get(text)
        for pattern in TABLE:
            found = _try(pattern, text, where) or (_try(pattern, f"raised in {place}", where) if place else None)
            if found:
                return Match(found.pattern, text, found.says, found.remedy)
    return None


def _try(pattern: Pattern, text: str, where: str) -> Match | None:
    if pattern.where not in (ANY, where):
        return None
    found = pattern.pattern.search(text)
    if not found:
        return None
    groups = {name: (value or "").strip(" '\"") for name, value in found.groupdict().items()}
    says = _filled(pattern.says, groups)
    return Match(pattern, text, says, pattern.remedy)


def _filled(template: str, groups: dict[str, str]) -> str:
    """The phrase with the groups put in; one that matched nothing leaves no gap."""
    try:
        text = template.format(**groups)
    except (KeyError, IndexError, ValueError):
        return template
    return re.sub(r"\s+", " ", text).strip().rstrip(":")
