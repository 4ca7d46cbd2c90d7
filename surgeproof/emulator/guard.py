"""Who may speak to the embedded AWS: only a caller that signs with the secret of this run.

Every process of this machine can reach its port, and so can every page in a browser on it. So a
request passes only if all of this holds:

- its `Host` is the address and port that it was sent to: a page whose name was made to resolve to
  this machine (DNS rebinding) sends its own name;
- it has no `Origin`, which browsers add to what a page sends elsewhere;
- its `Authorization` is a Signature Version 4 of the run's credentials. A signature in the query
  (a URL that is signed in advance) does not count, nor does a request without any.

No answer permits a page of another origin to read it.
"""

import hmac
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from moto.core.request import environ_key_for_header
from werkzeug.wrappers import Response

from surgeproof.emulator.credentials import NONCE_HEADER, PROOF_HEADER, Credentials

Environ = dict[str, Any]
Page = Callable[[], Any]

CLOSED: Final = "this port takes only requests that are signed with the credentials of its run"
"""The whole answer to a caller that does not know the secret."""

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<day>\d{8})/(?P<region>[^/,]+)"
    r"/(?P<service>[^/,]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class Guard:
    """A WSGI application that hands on what this run has signed.

    Args:
        application: What answers signed requests.
        credentials: The run's.
        host: The address and port, as a `Host` has to name them.
        pages: Pages of our own, by path. A request for one carries a proof in place of a
            signature, and so does its answer, so that the asker knows who answers.

    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        credentials: Credentials,
        host: str,
        pages: Mapping[str, Page],
    ) -> None:
        self._application = application
        self._credentials = credentials
        self._host = host
        self._pages = pages

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (the WSGI protocol)."""
        if environ.get("HTTP_HOST") != self._host or "HTTP_ORIGIN" in environ:
            return _closed(environ, start_response)
        page = self._pages.get(environ["PATH_INFO"])
        if page is not None:
            return self._answer(page, environ, start_response)
        if not is_signed(environ, self._credentials):
            return _closed(environ, start_response)

        def without_cors(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
            return start_response(status, kept, *more)

        return self._application(environ, without_cors)

    def _answer(
        self, page: Page, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        nonce = environ.get(environ_key_for_header(NONCE_HEADER), "")
        proof = environ.get(environ_key_for_header(PROOF_HEADER), "")
        if not self._credentials.proves(proof, "ask", environ["PATH_INFO"], nonce):
            return _closed(environ, start_response)
        body = json.dumps(page())
        answer = Response(body, mimetype="application/json")
        answer.headers[PROOF_HEADER] = self._credentials.proof("answer", nonce, body)
        return answer(environ, start_response)


def is_signed(environ: Environ, credentials: Credentials) -> bool:
    """Whether a request is signed with these credentials.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; its
    age does not matter, since nobody else sees a signature.
    """
    found = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None or not hmac.compare_digest(
        found["key"].encode(), credentials.access_key_id.encode()
    ):
        return False  # before anything of a body is read
    signed = found["headers"].split(";")
    target = environ["REQUEST_URI"]
    if "host" not in signed or not target.startswith("/"):
        return False
    headers = {name: environ.get(environ_key_for_header(name), "") for name in signed}
    request = AWSRequest(
        method=environ["REQUEST_METHOD"],
        url=f"http://{environ['HTTP_HOST']}{target}",
        headers=headers,
        data=b"" if "x-amz-content-sha256" in signed else _body(environ),
    )
    request.context["timestamp"] = headers.get("x-amz-date", "")
    kind = S3SigV4Auth if found["service"] == "s3" else SigV4Auth
    signer = kind(_Keys(credentials), found["service"], found["region"])
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return hmac.compare_digest(signer.signature(text, request), found["signature"])


class _Keys:
    """Credentials, as botocore's signers read them."""

    def __init__(self, credentials: Credentials) -> None:
        self.access_key = credentials.access_key_id
        self.secret_key = credentials.secret_access_key


def _body(environ: Environ) -> bytes:
    """Read the body, and put it back for the next reader."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body: bytes = stream.read()
    else:
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _closed(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    scope = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    answer = error(
        403,
        "AccessDenied",
        CLOSED,
        service=scope["service"] if scope else "",
        speaks_json="HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""),
    )
    return answer(environ, start_response)


def error(status: int, code: str, message: str, *, service: str, speaks_json: bool) -> Response:
    """Return an error in the protocol of the request, so that botocore raises a ClientError.

    It reads each protocol's form of an error as documented in `botocore.parsers`.
    """
    if speaks_json:
        body = json.dumps({"__type": code, "message": message})
        return Response(body, status=status, content_type="application/x-amz-json-1.0")
    text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    if service == "ec2":
        text = f"<Response><Errors>{text}</Errors></Response>"
    elif service != "s3":
        text = f"<ErrorResponse>{text}</ErrorResponse>"
    return Response(text, status=status, content_type="text/xml")
