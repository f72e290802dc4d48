# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take secrets out of what is kept or shown: objects, logs, events, probe answers, findings.

``snapshot`` and ``value`` return a copy of the same shape, in which only strings differ; ``text`` does one string.
Redacting twice changes nothing. Three things make a string secret:

- its place: a Secret's data, an environment variable, argument, key or header with a telling name;
- its form: private keys, JSON web tokens, cloud and vendor keys, credentials in URLs, and base64 of any of these;
- its repetition: a value that was secret in one place is taken out wherever else the same snapshot holds it.

Empty values, true and false, references such as ``$(NAME)`` and paths of mounted files stay: rules read them.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

PLACEHOLDER = "[redacted]"

# -- names -----------------------------------------------------------------------------------------------------------

# One of these words makes a name secret, as does a word that ends in one (PGPASSWORD, authtoken).
_SECRET_WORDS = ("password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "secretkey")
_SECRET_EXACT = frozenset(("pwd", "credential", "credentials", "sas", "keystore", "dockerconfigjson", "dockercfg"))
# "key" says nothing alone (tolerations, selectors and references to secrets have one): only beside one of these.
_KEY_OF = frozenset(
    (
        *("access", "account", "admin", "api", "app", "auth", "aws", "client", "consumer", "crypto", "deploy"),
        *("encryption", "hmac", "host", "license", "master", "private", "secret", "server", "service", "session"),
        *("shared", "signing", "ssh", "ssl", "storage", "subscription", "tls", "webhook"),
    )
)
# A name that ends like this speaks about a secret and holds none.
_ABOUT = frozenset(
    (
        *("algorithm", "annotation", "arn", "audience", "budget", "class", "count", "dir", "directory", "enabled"),
        *("endpoint", "error", "exception", "expiration", "expiry", "file", "format", "header", "host", "issuer"),
        *("kind", "label", "len", "length", "limit", "method", "mode", "mount", "name", "names", "namespace", "path"),
        *("per", "policy", "port", "provider", "ref", "reference", "refs", "required", "rotation", "seconds", "size"),
        *("source", "store", "timeout", "ttl", "type", "uri", "url", "usage", "version", "volume"),
    )
)
# A language model's tokens are no secrets.
_TOKENS_OF_TEXT = frozenset(
    (
        *("batch", "begin", "bos", "cls", "completion", "context", "continue", "end", "eos", "eot", "first", "image"),
        *("input", "last", "mask", "max", "min", "new", "next", "num", "output", "pad", "per", "prefix", "prompt"),
        *("sep", "special", "start", "stop", "tool", "total", "unk", "vocab"),
    )
)
_PLURALS = {"tokens": "token", "secrets": "secret", "keys": "key", "passwords": "password"}
_PLURAL_OF = frozenset(("access", "api", "auth", "bearer", "private", "secret"))

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@functools.lru_cache(maxsize=8192)
def is_secret_name(name: str, *, environment: bool = False) -> bool:
    """Whether what carries this name (a variable, option, key or header) is a secret.

    environment: an environment variable, for which any ``…_KEY`` counts.
    """
    words = [word.lower() for word in _WORD.findall(name.rsplit("/", 1)[-1])]
    if not words or words[-1] in _ABOUT or "public" in words:
        return False
    singular = [
        _PLURALS.get(word, word) if _PLURAL_OF & set(words[:index]) else word for index, word in enumerate(words)
    ]
    if any(_is_secret_word(word, singular[:index]) for index, word in enumerate(singular)):
        return True
    if singular[-1] in ("auth", "authorization", "pass") and len(singular) > 1:
        return (
            environment or singular[-1] == "authorization" or singular[-2] in ("basic", "http", "proxy", "smtp", "db")
        )
    return environment and "key" in singular


def _is_secret_word(word: str, before: list[str]) -> bool:
    if word == "key":
        return bool(before) and before[-1] in _KEY_OF
    if word.endswith("token") and before and before[-1] in _TOKENS_OF_TEXT:
        return False
    return word in _SECRET_EXACT or word.endswith(_SECRET_WORDS)


# -- values ----------------------------------------------------------------------------------------------------------

# What may stand under a secret's name and is none: nothing, a switch, a reference, a template, a word of a message.
_HARMLESS_VALUE = re.compile(
    r"""(?ix) \s* (?: | [01] | true | false | yes | no | on | off | none | null | nil | undefined
      | <\s*(?:no\ value|nil|none|set)[^<>]*> | \*{3,} | \.{3} | \[redacted\]
      | \$\([A-Za-z_][\w.-]*\) | \$\{[A-Za-z_][\w.-]*\} | \$[A-Z_][A-Z0-9_]* | \{\{[^{}]*\}\}
    ) \s*""",
)
_FILE = re.compile(
    r"/(?:app|config|data|dev|etc|home|mnt|models?|opt|root|run|secrets?|srv|tmp|usr|var|workspace)(?:/[\w.@-]+)*/?"
)
# Words that follow "token:" or "password:" in a sentence.
_SENTENCE = frozenset(
    (
        *(
            "a",
            "access",
            "and",
            "are",
            "authentication",
            "authorization",
            "bad",
            "be",
            "can",
            "cannot",
            "could",
            "denied",
        ),
        *(
            "does",
            "empty",
            "error",
            "expected",
            "expired",
            "failed",
            "for",
            "from",
            "has",
            "in",
            "incorrect",
            "invalid",
        ),
        *("is", "key", "malformed", "missing", "must", "no", "not", "of", "or", "please", "provided", "rejected"),
        *("required", "secret", "should", "signature", "string", "the", "this", "to", "unauthorized", "unexpected"),
        *("unknown", "unset", "was", "were", "will", "with", "wrong", "you"),
    )
)


def _hidden(value: str) -> str:
    """The placeholder, or the value itself where it cannot be a secret."""
    return value if _HARMLESS_VALUE.fullmatch(value) or _FILE.fullmatch(value.strip()) else PLACEHOLDER


# -- forms -----------------------------------------------------------------------------------------------------------


def _whole(_match: re.Match[str]) -> str:
    return PLACEHOLDER


def _after_first_group(match: re.Match[str]) -> str:
    return match[1] + PLACEHOLDER


# A key without its end (or beginning), since a log is read from its head and its tail: what looks like its lines goes.
_BEGIN = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_END = r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_LONG = re.compile(r"[A-Za-z0-9+/=]{40,}")
_LINES_FIRST = re.compile(r"\A(?:(?:\s|\\[nr])*[A-Za-z0-9+/=]+(?=[\r\n\"',]|\\[nr]|\Z))*")
_LINES_LAST = re.compile(r"(?:(?:\A|[\r\n]|\\[nr])[A-Za-z0-9+/=]+)*(?:\s|\\[nr])*\Z")


def _cut_key(match: re.Match[str]) -> str:
    return PLACEHOLDER + _LONG.sub(PLACEHOLDER, _LINES_FIRST.sub("", match["rest"]))


def _end_of_key(match: re.Match[str]) -> str:
    return _LONG.sub(PLACEHOLDER, _LINES_LAST.sub("", match["rest"], count=1)) + PLACEHOLDER


def _around(match: re.Match[str]) -> str:
    return match["before"] + PLACEHOLDER + match["after"]


def _with_upper_and_digit(match: re.Match[str]) -> str:
    """Kubernetes names are lower case: what has both capitals and digits is none of them."""
    found = match[0]
    return PLACEHOLDER if re.search(r"[A-Z]", found) and re.search(r"\d", found) else found


def _random(match: re.Match[str]) -> str:
    """Forty characters that no word or path explains, as AWS makes its secret access keys."""
    found = match[0]
    mixed = all(re.search(kind, found) for kind in (r"[A-Z]", r"[a-z]", r"\d"))
    counts = Counter(found).values()
    entropy = -sum(count / len(found) * math.log2(count / len(found)) for count in counts)
    return PLACEHOLDER if mixed and entropy > 4.3 else found


def _basic(match: re.Match[str]) -> str:
    decoded = _decoded(match[2])
    return match[1] + PLACEHOLDER if decoded and ":" in decoded else match[0]


def _bearer(match: re.Match[str]) -> str:
    token = match[2]
    return match[1] + PLACEHOLDER if len(token) >= 20 or re.search(r"\d", token) else match[0]


_FORMS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # a hint in small letters that is cheap to look for, the form, what is left of it
    ("private key", re.compile(rf"{_BEGIN}(?:(?!-----BEGIN)[\s\S]){{0,20000}}?{_END}"), _whole),
    ("private key", re.compile(rf"{_BEGIN}(?P<rest>(?:(?!-----BEGIN)[\s\S])*)"), _cut_key),
    ("private key", re.compile(rf"\A(?P<rest>[\s\S]*?){_END}"), _end_of_key),
    ("eyj", re.compile(r"(?<![A-Za-z0-9+/_=-])eyJ[A-Za-z0-9_-]{14,}(?:\.[A-Za-z0-9_-]*)*"), _whole),
    (
        "://",  # scheme://user:password@host; an image's digest also follows an @
        re.compile(r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]*://)(?!\[redacted\]@)[^/\s?#\"'<>]+(?P<after>@)(?!sha\d+:)"),
        _around,
    ),
    (
        "://",  # the same with a password that holds a slash; a port is none
        re.compile(
            r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s:@\"'<>]+:(?!\d+/)[^\s@\"'<>]+(?P<after>@)(?!sha\d+:)"
        ),
        _around,
    ),
    ("bearer", re.compile(r"(?i)(\bbearer[ :=]+)([A-Za-z0-9._~+/-]{8,}={0,2})"), _bearer),
    ("basic", re.compile(r"(?i)(\bbasic +)([A-Za-z0-9+/_-]{6,}={0,2})"), _basic),
    (
        "authorization",
        re.compile(
            r"(?i)(\b(?:proxy-)?authorization\\*[\"']?\s*[:=]\s*\\*[\"']?(?:[A-Za-z][\w-]*\s+)?)"
            r"(?!\[redacted\])[^\s\"'\\,]{6,}"
        ),
        _after_first_group,
    ),
    (
        "cookie",
        re.compile(r"(?i)(\b(?:set-)?cookie\\*[\"']?\s*[:=]\s*\\*[\"']?)(?!\[redacted\])[^\s\"'\\=]+=[^\"'\\\n]+"),
        _after_first_group,
    ),
    (
        "=",
        re.compile(
            r"(?i)([?&;](?:sig|signature|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)"
            r"|awsaccesskeyid|googleaccessid|code|key)=)(?!\[redacted\])[^&\s\"'<>]+"
        ),
        _after_first_group,
    ),
    (
        "sharedaccesssignature",
        re.compile(r"(?i)(\bsharedaccesssignature\s*[:= ]\s*)(?!\[redacted\])[^;\s\"']+"),
        _after_first_group,
    ),
    ("sig=", re.compile(r"(\bsig=)[A-Za-z0-9%+/_-]{20,}(?:=|%3D)*"), _after_first_group),
    ("", re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA|AGPA|ANPA)[A-Z0-9]{16}\b"), _whole),
    ("hf_", re.compile(r"\bhf_[A-Za-z0-9]{16,}"), _whole),
    ("api_org_", re.compile(r"\bapi_org_[A-Za-z0-9]{16,}"), _whole),
    ("gh", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"), _whole),
    ("gl", re.compile(r"\bgl(?:pat|ptt|dt|rt|cbt|soat|ft)-[\w-]{18,}"), _whole),
    ("xox", re.compile(r"\bxox[abeoprs]-[\w-]{10,}"), _whole),
    ("hooks.", re.compile(r"(\bhooks\.slack\.com/(?:services|workflows)/)[\w/]+"), _after_first_group),
    ("aiza", re.compile(r"\bAIza[\w-]{30,}"), _whole),
    ("ya29.", re.compile(r"\bya29\.[\w-]{10,}"), _whole),
    ("gocspx-", re.compile(r"\bGOCSPX-[\w-]{20,}"), _whole),
    ("nvapi-", re.compile(r"\bnvapi-[\w-]{16,}"), _whole),
    ("sk-", re.compile(r"\bsk-[\w-]{20,}"), _with_upper_and_digit),
    ("k_", re.compile(r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,}"), _whole),
    ("sg.", re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}"), _whole),
    ("npm_", re.compile(r"\bnpm_[A-Za-z0-9]{30,}"), _whole),
    ("pypi-", re.compile(r"\bpypi-[\w-]{30,}"), _whole),
    ("hv", re.compile(r"\bhv[sbr]\.[\w-]{20,}"), _whole),
    ("dapi", re.compile(r"\bdapi[0-9a-f]{32}(?:-\d)?\b"), _whole),
    ("do", re.compile(r"\bdo[opr]_v1_[0-9a-f]{40,}"), _whole),
    ("dckr_", re.compile(r"\bdckr_[a-z]+_[\w-]{20,}"), _whole),
    ("sha256~", re.compile(r"\bsha256~[\w-]{20,}"), _whole),  # OpenShift's OAuth tokens
    ("8q~", re.compile(r"[\w.~-]{3}8Q~[\w.~-]{31,34}"), _whole),  # Microsoft Entra client secrets
    ("lin_api_", re.compile(r"\blin_api_[A-Za-z0-9]{20,}"), _whole),
    ("$", re.compile(r"\$(?:2[abxy]|apr1|argon2id?|[156y])\$[^\s:\"',]{10,}"), _whole),  # password hashes
    ("", re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"), _whole),  # Azure storage keys
    ("", re.compile(r"(?<![A-Za-z0-9+/=_.-])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_.-])"), _random),
    (
        "-u",
        re.compile(r"((?<!\S)(?:-u|--user|--proxy-user)[ =][\"']?[^\s:\"'=]+:)(?!\[redacted\]|\d+(?:\s|$))[^\s\"']+"),
        _after_first_group,
    ),
)

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/_=-])")
_NAMED = re.compile(r"(?i)pass|pwd|secret|token|key|cred|sas|auth|dockerc")
# NAME=value, name: value, "name": "value" (also escaped inside JSON), --name=value, --name value
_NAME = re.compile(
    r"""(?<![\w$./-]) (?: (?P<flag>--?[A-Za-z][\w.-]*) (?:=|[ \t]+(?=[^\s-]))
          | (?P<name>[A-Za-z_][\w./-]*) \\*["']? \s* (?: :=|=>|=|:(?=\s|\\*["']|$) ) [ \t]*
          | (?P<word>[A-Za-z_]\w*) : (?=\w) )""",  # Go prints {Password:abc}
    re.X,
)
_VALUE = re.compile(
    r"""(?P<open>\\*["']) (?P<quoted> (?: (?!(?P=open)) . )* ) (?P=open)?
      | [|>][+-]?[ \t]*\n (?P<block> (?:[ \t]+[^\n]*(?:\n|\Z))+ )
      | (?P<bare> (?: (?! [&;] (?:\s|$|[\w. -]+=) ) [^\s"'] )+ )""",
    re.X | re.S,
)

# A block of YAML that is a document of its own: names inside it decide.
_DOCUMENT = re.compile(r"(?m)\A\s*[{\[]|^\s*[\"']?[\w.-]+[\"']?:\s")


def _assignments(value: str) -> str:
    """Redact what is assigned to a secret's name; what stands on the right of another name is searched too."""
    done, parts = 0, []
    named = _NAME.search(value)
    while named:
        end = named.end()
        found = _VALUE.match(value, end)
        if found and _assigns_secret(named, found):
            span = found.span("quoted" if found["open"] else "block" if found["block"] else "bare")
            parts += [value[done : span[0]], _hidden_part(found, named)]
            done = end = span[1]
        named = _NAME.search(value, end)
    return "".join([*parts, value[done:]])


def _assigns_secret(named: re.Match[str], found: re.Match[str]) -> bool:
    name = (named["flag"] or named["name"] or named["word"]).lstrip("-")
    if name == "auth":  # of a registry's configuration
        return bool(found["open"]) and len(found["quoted"]) > 10
    return is_secret_name(name, environment=name.isupper())


def _hidden_part(found: re.Match[str], named: re.Match[str]) -> str:
    if found["open"]:
        return _hidden(found["quoted"])
    if found["block"]:
        if _DOCUMENT.search(found["block"]):
            return _assignments(found["block"])
        return re.sub(r"\S.*\S|\S", lambda block: _hidden(block[0]), found["block"], count=1, flags=re.S)
    bare = found["bare"]
    if _hidden(bare) == bare or bare.startswith(PLACEHOLDER) or not re.search(r"\w", bare):
        return bare
    inner = bare.rstrip(",)]}>") or bare
    sentence = ":" in named[0] and inner.lower().rstrip(".!?") in _SENTENCE
    return (inner if sentence else _hidden(inner)) + bare[len(inner) :]


def _decoded(run: str) -> str | None:
    """The readable text that base64 hides, or None."""
    try:
        raw = base64.b64decode(
            run.replace("-", "+").replace("_", "/") + "=" * (-len(run.rstrip("=")) % 4), validate=False
        )
        found = raw.decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return found if all(char.isprintable() or char in "\r\n\t" for char in found) else None


def _encoded(match: re.Match[str]) -> str:
    decoded = _decoded(match[0])
    return PLACEHOLDER if decoded and _plain_text(decoded) != decoded else match[0]


def _plain_text(value: str) -> str:
    lowered = value.lower()
    for hint, pattern, replacement in _FORMS:
        if hint in lowered:
            value = pattern.sub(replacement, value)
    if _NAMED.search(value):
        value = _assignments(value)
    return value


def text(value: str) -> str:
    """One string, such as a log, an event's message or a probe's answer, without the secrets that it shows."""
    if len(value) < 6:
        return value
    redacted = _plain_text(value)
    return _BASE64.sub(_encoded, redacted)


# -- structures ------------------------------------------------------------------------------------------------------

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ARGUMENT_LISTS = ("args", "command")
_PAIR_FLAGS = ("-u", "--user", "--proxy-user")


class Redactor:
    """Redacts structures, remembers what it found secret, and takes the same values out of everything else."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._memory: dict[str, str] = {}

    def value(self, item: Any, key: str = "") -> Any:
        """A copy of *item*; *key* is the name under which it stands."""
        if isinstance(item, str):
            return self._string(item, key)
        if isinstance(item, dict):
            return self._mapping(item, key)
        if isinstance(item, (list, tuple)):
            return self._list(list(item), key)
        return item

    def _string(self, item: str, key: str) -> str:
        if key == _LAST_APPLIED:
            return self._json(item, otherwise=PLACEHOLDER)
        if key and is_secret_name(key) and not self._holds_json(item):
            return self._hide(item)
        if item not in self._memory:
            self._memory[item] = self._json(item, otherwise=None)
        return self._memory[item]

    @staticmethod
    def _holds_json(item: str) -> bool:
        """Whether a field is a document of its own, as KServe's section "credentials" is: names inside it decide."""
        if item.lstrip()[:1] not in ("{", "["):
            return False
        try:
            return isinstance(json.loads(item), (dict, list))
        except ValueError:
            return False

    def _json(self, item: str, otherwise: str | None) -> str:
        """A string that holds JSON keeps its structure; any other is text, or *otherwise*."""
        if item.lstrip()[:1] in ("{", "["):
            try:
                parsed = json.loads(item)
            except ValueError:
                parsed = None
            if isinstance(parsed, (dict, list)):
                redacted = self.value(parsed)
                return item if redacted == parsed else json.dumps(redacted, indent=2 if "\n" in item.strip() else None)
        return text(item) if otherwise is None else otherwise

    def _hide(self, item: str) -> str:
        hidden = _hidden(item)
        if hidden != item:
            self.found.add(item)
        return hidden

    def _mapping(self, item: dict[Any, Any], key: str) -> dict[Any, Any]:
        if item.get("kind") == "Secret" and ("data" in item or "stringData" in item):
            return self._secret(item)
        name = item.get("name")
        if isinstance(name, str) and isinstance(item.get("value"), str):  # an environment variable, or a header
            secret = is_secret_name(name, environment=True) or name.lower() in ("authorization", "cookie")
            value = self._hide(item["value"]) if secret else self._string(item["value"], "")
            return {**{k: self.value(v, str(k)) for k, v in item.items()}, "value": value}
        if key == "auths":
            return {host: self._registry(login) for host, login in item.items()}
        return {k: self.value(v, str(k)) for k, v in item.items()}

    def _secret(self, item: dict[Any, Any]) -> dict[Any, Any]:
        copy = {k: self.value(v, str(k)) for k, v in item.items() if k not in ("data", "stringData")}
        for field in ("data", "stringData"):
            if isinstance(item.get(field), dict):
                copy[field] = dict.fromkeys(item[field], PLACEHOLDER)
                self.found.update(v for v in item[field].values() if isinstance(v, str))
        self.found.update(decoded for v in (item.get("data") or {}).values() if (decoded := _decoded(str(v))))
        return {k: copy[k] for k in item}

    def _registry(self, login: Any) -> Any:
        if not isinstance(login, dict):
            return self.value(login)
        return {k: self._hide(v) if isinstance(v, str) and k != "email" else self.value(v, k) for k, v in login.items()}

    def _list(self, items: list[Any], key: str) -> list[Any]:
        if key not in _ARGUMENT_LISTS or not all(isinstance(item, str) for item in items):
            inherited = key if all(isinstance(item, str) for item in items) and is_secret_name(key) else ""
            return [self.value(item, inherited) for item in items]
        return [self._argument(item, items[index - 1] if index else "") for index, item in enumerate(items)]

    def _argument(self, item: str, before: str) -> str:
        """One argument; the option before it may say that this one is a secret."""
        if (
            before.startswith("-")
            and "=" not in before
            and not item.startswith("-")
            and is_secret_name(before.lstrip("-"))
        ):
            return self._hide(item)
        if before in _PAIR_FLAGS and ":" in item:
            return item.split(":", 1)[0] + ":" + PLACEHOLDER
        return self._string(item, "")

    def everywhere(self, item: Any, keep: Iterable[Any] = ()) -> Any:
        """*item* without any value that was found secret; what *keep* names (objects' names) is no secret."""
        kept = {name for name in keep if isinstance(name, str)}
        known = sorted((v for v in self.found if len(v) >= 6 and v not in kept), key=len, reverse=True)
        if not known:
            return item
        pattern = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(map(re.escape, known)) + r")(?![A-Za-z0-9])")
        return _map_strings(item, lambda found: pattern.sub(PLACEHOLDER, found))


def _map_strings(item: Any, function: Callable[[str], str]) -> Any:
    if isinstance(item, str):
        return function(item)
    if isinstance(item, dict):
        return {k: _map_strings(v, function) for k, v in item.items()}
    if isinstance(item, list):
        return [_map_strings(v, function) for v in item]
    return item


def value(item: Any) -> Any:
    """A redacted copy of any JSON-like value: an object, a list of events, a module's result."""
    redactor = Redactor()
    return redactor.everywhere(redactor.value(item), _names(item))


def snapshot(data: dict[str, Any]) -> dict[str, Any]:
    """A redacted copy of a snapshot (or of a result), to be made before anything of it is stored or shown."""
    redactor = Redactor()
    redacted = {k: v if k == "names_of" else redactor.value(v, k) for k, v in data.items()}  # names only, by contract
    everywhere: dict[str, Any] = redactor.everywhere(redacted, _names(data))
    return everywhere


def _names(item: Any) -> set[str]:
    """Names, namespaces and kinds that occur as such: an environment variable may repeat one under a secret's name."""
    names: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            names.update(
                v for k in ("name", "namespace", "kind", "apiVersion", "image") if isinstance(v := node.get(k), str)
            )
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(item)
    return names
