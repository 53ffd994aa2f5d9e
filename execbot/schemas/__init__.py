"""What programs read and write, described by pydantic: the published JSON Schemas.

Only `execbot schema`, the page and the tests import this room: pydantic takes longer to import than
a command takes to run, and nothing that sends an order waits for it. The models are witnesses, not
makers: commands build their answers without them, and tests hold both together on real output. The
page, which has pydantic anyway, builds its board of them.
"""
