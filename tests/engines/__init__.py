"""Real servers that tests start: installed by ``install``, kept by ``process``, handed out by ``fixtures``.

Every room may use the fixtures ``s3_server``, ``gcs_server`` and ``azure_server`` (``tests/conftest.py`` names them);
a test that kills its server starts one of its own: ``with SeaweedFS() as server: …``.
"""
