"""Copies on this machine's disk of what lies in stores: fetched once, shared by all jobs, never larger than the limit.

::

    ROOT/objects/ab/HASH    the bytes of an object, read-only, by the SHA-256 of its content
    ROOT/entries/ID.json    which content an object (store, key) had, by its etag
    ROOT/views/ID/NAME…     what a job sees: an object or a folder of them, as hard links, under their own names
    ROOT/views/ID.json      the files of a view, written when all are there
    ROOT/views/ID.lock      held (shared) by every process that uses the view: such a view is never evicted
    ROOT/partial/           what is on its way; taken up again by the next who wants the same object
    ROOT/locks/             one writer an object and a view

Locks are ``flock``: they go with the process that holds them, however it dies, so a fetch that is killed blocks nobody and
its partial file has no name that is taken for whole. A cache outlives ``kill -9``, not a power cut.
"""
