"""Chaos: real pairs in network namespaces, a hostile cable between them, and a book-keeper.

``python -m tests.chaos --minutes 5`` repeats cells at random, ``--cell NAME --seed N`` one of them.
"""
