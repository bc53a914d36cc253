"""The loop that the lab's import has to keep up with: walk, SHA-256, PIL header and SQLite insert, one thread.

python tests/bench/import-reference.py FOLDER  ->  {"files": n, "seconds": s, "filesPerSecond": r}
"""
import hashlib
import io
import json
import os
import sqlite3
import sys
import tempfile
import time

from PIL import Image

EXTENSIONS = {'.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.tif', '.tiff', '.avif'}


def main(folder):
    with tempfile.TemporaryDirectory() as scratch:
        db = sqlite3.connect(os.path.join(scratch, 'reference.sqlite'))
        db.execute('PRAGMA journal_mode = WAL')
        db.execute(
            'CREATE TABLE item (id INTEGER PRIMARY KEY, path TEXT UNIQUE, hash TEXT, size INTEGER, mtime REAL,'
            ' width INTEGER, height INTEGER, format TEXT, label TEXT)'
        )
        started, cpu = time.perf_counter(), time.process_time()
        rows = []
        count = 0

        def flush():
            db.executemany('INSERT INTO item (path, hash, size, mtime, width, height, format, label) VALUES (?,?,?,?,?,?,?,?)', rows)
            db.commit()
            rows.clear()

        for parent, _, names in os.walk(folder):
            for name in names:
                if os.path.splitext(name)[1].lower() not in EXTENSIONS:
                    continue
                path = os.path.join(parent, name)
                info = os.stat(path)
                with open(path, 'rb') as file:
                    data = file.read()
                image = Image.open(io.BytesIO(data))
                relative = os.path.relpath(path, folder)
                rows.append((relative, hashlib.sha256(data).hexdigest(), info.st_size, info.st_mtime, *image.size, image.format, relative.split(os.sep)[0]))
                count += 1
                if len(rows) == 1000:
                    flush()
        flush()
        seconds = time.perf_counter() - started
        cpu_seconds = round(time.process_time() - cpu, 3)
        print(json.dumps({'files': count, 'seconds': round(seconds, 3), 'cpuSeconds': cpu_seconds, 'filesPerSecond': round(count / seconds)}))


main(sys.argv[1])
