"""The door of a running `watch`: what a command wants is done there, and told as it would tell it.

| file | does |
|---|---|
| `rules` | what either side does next: pure, and explored in every interleaving |
| `messages`, `wire`, `relayed` | what goes through: its values, its bytes, its errors |
| `address` | where the socket is |
| `sameness` | whether both sides would do the same |
| `asking`, `going_on`, `own_way` | the command's side: ask, take back, look up |
| `looking` | whether it is open |
| `serving`, `lanes`, `doing` | the watch's side: sockets, workers, the work |

Who owns the sending of an order is decided in the journal (`oms.send.hand_over`), never in here.
"""
