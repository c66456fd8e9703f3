"""
One module per change of the schema, in order.

Each has ``upgrade()``, which asks ``op.get_context().opts["part"]`` whether to change the tables of ``meta.db``
or of ``chunks.db``. A migration spells its tables out: it must not follow later changes of ``schema.py``.
"""
