"""The live page, a process of its own: nothing of it is imported into the process that protects.

| file | does |
|---|---|
| `hosts` | which Host and Origin are ours: pure |
| `guard` | the one ASGI wrapper around everything that listens: HTTP and WebSockets |
| `listening` | several listeners in one process, without an access log |
| `access`, `link` | the token, sessions, attempts; the file that has the link |
| `options`, `addresses` | what was asked for, checked |
| `app`, `routes` | its own app: files, signing in; board, socket, past, actions |
| `models`, `rows` | what goes out, as pydantic models; made of what desk and watch know |
| `board`, `hub` | all that is live, each change as text once; and the browsers that look on |
| `following`, `reads` | keeps the board: the watch's socket; journal and broker, in a thread |
| `past`, `actions`, `neighbours` | history, charts, reports; what may be done; other accounts |
| `doors` | the doors for programs: `signals/` over HTTP, `metrics/`; each has its own port |
| `run`, `log` | put together; the log |
| `static/` | the page: plain HTML, CSS and modules, nothing built, nothing from elsewhere |
"""
