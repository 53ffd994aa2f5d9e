"""The page's own app: files, signing in, and what it asks for. Who may ask the guard decides."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse

from execbot.charts.library import library
from execbot.charts.time_scale import TIME_SCALE
from execbot.page.access import SESSION_SECONDS, Access, cookie_name
from execbot.page.guard import Caller, answered_failed
from execbot.page.models import SignIn

STATIC = Path(__file__).parent / "static"
OPEN_PATHS = ("/", "/static/", "/login")
"""What everybody may ask for: it says nothing of the account."""

CHARTS = "lightweight-charts.js"

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def build_app(access: Access, port: int) -> FastAPI:
    """Without FastAPI's own pages: they load scripts from elsewhere."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Exception, answered_failed())
    app.add_exception_handler(RequestValidationError, _answered_wrong)
    _files(app)
    _signing_in(app, access, port)
    return app


async def _answered_wrong(request: Request, error: Exception) -> Response:
    """Which field is wrong, and how; not what stood there: it may be the token, and no text."""
    assert isinstance(error, RequestValidationError)
    told = [{name: one[name] for name in ("loc", "msg", "type")} for one in error.errors()]
    return JSONResponse({"detail": told}, 422)


def _files(app: FastAPI) -> None:
    files = {path.name: path for path in STATIC.iterdir() if path.suffix in KINDS}
    script = library().script
    script = script and script + TIME_SCALE

    @app.get("/")
    async def index() -> Response:
        return _file(files["index.html"])

    @app.get("/static/" + CHARTS)
    async def charts() -> Response:
        """The library, as it is installed (its digest was checked), and how its days are parted."""
        headers = {"cache-control": "no-cache"}
        return Response(script, 200 if script else 404, headers, KINDS[".js"])

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        path = files.get(name)
        return Response(status_code=404) if path is None else _file(path)


def _file(path: Path) -> Response:
    # Asked for again each time, and answered 304: an update of execbot shows at once.
    return FileResponse(path, media_type=KINDS[path.suffix], headers={"cache-control": "no-cache"})


def _signing_in(app: FastAPI, access: Access, port: int) -> None:
    name = cookie_name(port)

    @app.post("/login")
    async def login(given: SignIn, request: Request) -> Response:
        caller: Caller = request.scope["caller"]
        if not access.is_token(given.token):
            if access.is_barred(caller.address):
                return JSONResponse({"error": "Too many wrong tokens: wait a minute."}, 429)
            access.was_wrong(caller.address)
            return JSONResponse({"error": "This token is not the one of the page."}, 401)
        before = caller.cookies.get(name)
        if before is not None:
            access.end(before)
        answer = JSONResponse({})
        answer.set_cookie(
            name,
            access.begin(),
            max_age=int(SESSION_SECONDS),
            httponly=True,
            secure=caller.is_encrypted,
            samesite="lax",
            path="/",
        )
        return answer

    @app.post("/logout")
    async def logout(request: Request) -> Response:
        caller: Caller = request.scope["caller"]
        session = caller.cookies.get(name)
        if session is not None:
            access.end(session)
        answer = JSONResponse({})
        answer.delete_cookie(name, path="/")
        return answer
