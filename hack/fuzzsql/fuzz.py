#!/usr/bin/env python3
"""Runs random queries over random rows on Weir and on DuckDB, and compares the tables that they leave.

Weir reads the rows as files at a rate, is killed (SIGKILL) at random instants, and is started again, each time at another
parallelism, until the job is done. Its changes are written in debezium-json, applied one after the other and compared, as a multiset,
with what DuckDB says of the same query over the same rows. A seed makes a case; a failure prints its seed, the query, and keeps the folder.

usage: fuzz.py --weir PATH [--cases N] [--seed S]
"""
import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import duckdb

STRINGS = ["", "a", "b", "ab", "é", "a'b", "x\"y", "line\nbreak", None]


def value(r, kind):
    if r.random() < 0.15:
        return None
    if kind == "INT":
        return r.choice([0, 1, 2, 3, -1, 100, r.randint(-50, 50)])
    if kind == "BIGINT":
        return r.choice([0, 1, -7, 10**12, r.randint(-50, 50)])
    if kind == "DOUBLE":
        return r.choice([0.5, -1.25, 3.0, 100.0, r.randint(-1000, 1000) / 8])
    return r.choice(STRINGS)


class Table:
    def __init__(self, r, name, columns, rows):
        self.name, self.columns = name, columns
        self.rows = [[value(r, kind) for _, kind in columns] for _ in range(rows)]


class Case:
    """Relations are built up from tables: each is (SQL, columns), and every column has a name and a type."""

    def __init__(self, seed):
        self.r = r = random.Random(seed)
        self.views = []
        self.tables = [
            Table(r, "t", [("k", "STRING"), ("g", "INT"), ("v", "INT"), ("l", "BIGINT"), ("d", "DOUBLE"), ("s", "STRING")], r.randint(20, 400)),
            Table(r, "u", [("k", "STRING"), ("g", "INT"), ("w", "INT"), ("x", "STRING")], r.randint(5, 120)),
        ]
        self.n = 0

    def name(self, prefix):
        self.n += 1
        return f"{prefix}{self.n}"

    def base(self):
        t = self.r.choice(self.tables)
        return t.name, t.columns

    def view(self, sql, columns):
        name = self.name("v")
        self.views.append((name, sql, columns))
        return name, columns

    def relation(self, depth):
        if depth == 0:
            return self.base()
        return self.r.choice([self.group, self.group, self.distinct, self.join, self.join, self.topn, self.filter, self.union, self.semi])(depth - 1)

    def of(self, columns, *kinds):
        found = [c for c in columns if not kinds or c[1] in kinds]
        return self.r.choice(found) if found else None

    def condition(self, columns, prefix=""):
        name, kind = self.r.choice(columns)
        c = prefix + name
        if kind == "STRING":
            return self.r.choice([f"{c} IS NOT NULL", f"{c} <> 'a'", f"CHAR_LENGTH({c}) < 2"])
        return self.r.choice([f"{c} > 0", f"{c} <= 2", f"{c} IS NULL OR {c} < 50"])

    def aggregate(self, columns):
        n = self.r.choice([None, "num", "num", "any"])
        if n is None:
            return "COUNT(*)", "BIGINT"
        c = self.of(columns, "INT", "BIGINT", "DOUBLE") if n == "num" else self.of(columns)
        if c is None:
            return "COUNT(*)", "BIGINT"
        name, kind = c
        functions = ["COUNT", "COUNT(DISTINCT", "MIN", "MAX"]
        if n == "num":
            functions += ["SUM", "AVG"] if kind != "DOUBLE" else ["SUM"]
            functions += ["SUM(DISTINCT"]
        f = self.r.choice(functions)
        out = "BIGINT" if f.startswith("COUNT") else kind
        text = f"{f} {name})" if "(" in f else f"{f}({name})"
        if self.r.random() < 0.25:
            text += f" FILTER (WHERE {self.condition(columns)})"
        return text, out

    def group(self, depth):
        source, columns = self.relation(depth)
        keys = self.r.sample(columns, min(len(columns), self.r.choice([0, 1, 1, 1, 2])))
        items, out = [], []
        for name, kind in keys:
            alias = self.name("c")
            items.append(f"{name} AS {alias}")
            out.append((alias, kind))
        calls = []
        for _ in range(self.r.randint(1, 3)):
            text, kind = self.aggregate(columns)
            alias = self.name("c")
            items.append(f"{text} AS {alias}")
            calls.append(text)
            out.append((alias, kind))
        sql = f"SELECT {', '.join(items)} FROM {source}"
        if self.r.random() < 0.3:
            sql += f" WHERE {self.condition(columns)}"
        if keys:
            sql += " GROUP BY " + ", ".join(name for name, _ in keys)
        else:
            sql += " HAVING COUNT(*) > 0"  # a table without rows has no group here
        if keys and self.r.random() < 0.4:
            sql += f" HAVING COUNT(*) > {self.r.randint(1, 3)}"
        return self.view(sql, out)

    def project(self, columns, prefix="", most=4):
        chosen = self.r.sample(columns, self.r.randint(1, min(most, len(columns))))
        items, out = [], []
        for name, kind in chosen:
            alias = self.name("c")
            items.append(f"{prefix}{name} AS {alias}")
            out.append((alias, kind))
        return items, out

    def distinct(self, depth):
        source, columns = self.relation(depth)
        items, out = self.project(columns, most=3)
        return self.view(f"SELECT DISTINCT {', '.join(items)} FROM {source}", out)

    def filter(self, depth):
        source, columns = self.relation(depth)
        items, out = self.project(columns)
        return self.view(f"SELECT {', '.join(items)} FROM {source} WHERE {self.condition(columns)}", out)

    def union(self, depth):
        a, ca = self.relation(depth)
        b, cb = self.relation(depth)
        pairs = []
        for c in ca:
            same = [d for d in cb if d[1] == c[1]]
            if same:
                pairs.append((c, self.r.choice(same)))
        if not pairs:
            return a, ca
        pairs = pairs[:3]
        out = [(self.name("c"), x[1]) for x, _ in pairs]
        left = ", ".join(f"{x[0]} AS {o[0]}" for (x, _), o in zip(pairs, out))
        right = ", ".join(y[0] for _, y in pairs)
        word = self.r.choice(["UNION ALL", "UNION"])
        return self.view(f"SELECT {left} FROM {a} {word} SELECT {right} FROM {b}", out)

    def pair(self, ca, cb):
        pairs = [(a, b) for a in ca for b in cb if a[1] == b[1] and a[1] != "DOUBLE"]
        return self.r.choice(pairs) if pairs else None

    def join(self, depth):
        a, ca = self.relation(depth)
        b, cb = self.relation(max(0, depth - 1))
        pair = self.pair(ca, cb)
        if pair is None:
            return a, ca
        (x, _), (y, _) = pair
        left, lo = self.project(ca, "l.", 3)
        right, ro = self.project(cb, "r.", 3)
        kind = self.r.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        on = f"l.{x} = r.{y}"
        numbers = [c for c in ca if c[1] == "INT"], [c for c in cb if c[1] == "INT"]
        # DuckDB has no FULL JOIN with other conditions than equal columns.
        if kind != "FULL JOIN" and numbers[0] and numbers[1] and self.r.random() < 0.4:
            on += f" AND l.{self.r.choice(numbers[0])[0]} <= r.{self.r.choice(numbers[1])[0]}"
        sql = f"SELECT {', '.join(left + right)} FROM {a} AS l {kind} {b} AS r ON {on}"
        if self.r.random() < 0.2:
            sql += f" WHERE {self.condition(ca, 'l.')}"
        return self.view(sql, lo + ro)

    def semi(self, depth):
        a, ca = self.relation(depth)
        b, cb = self.relation(max(0, depth - 1))
        pair = self.pair(ca, cb)
        if pair is None:
            return a, ca
        (x, _), (y, _) = pair
        items, out = self.project(ca, "l.")
        how = self.r.choice([f"l.{x} IN (SELECT {y} FROM {b})", f"EXISTS (SELECT 1 FROM {b} AS r WHERE r.{y} = l.{x})", f"NOT EXISTS (SELECT * FROM {b} AS r WHERE r.{y} = l.{x})"])
        return self.view(f"SELECT {', '.join(items)} FROM {a} AS l WHERE {how}", out)

    def topn(self, depth):
        source, columns = self.relation(depth)
        # All columns are in the order: ties are broken by different rules otherwise.
        partition = self.r.choice(columns)
        order = columns[:]
        self.r.shuffle(order)
        by = []
        for name, _ in order:
            if self.r.random() < 0.5:
                by.append(f"{name} DESC NULLS LAST")
            else:
                by.append(f"{name} NULLS FIRST")
        inner = ", ".join(name for name, _ in columns)
        numbered = self.r.random() < 0.4
        rn = self.name("rn")
        items, out = self.project(columns)
        if numbered:
            alias = self.name("c")
            items.append(f"{rn} AS {alias}")
            out.append((alias, "BIGINT"))
        n = self.r.choice([1, 1, 2, 3])
        part = f"PARTITION BY {partition[0]} " if self.r.random() < 0.8 else ""
        sql = f"SELECT {', '.join(items)} FROM (SELECT {inner}, ROW_NUMBER() OVER ({part}ORDER BY {', '.join(by)}) AS {rn} FROM {source}) AS q WHERE {rn} <= {n}"
        return self.view(sql, out)

    def build(self):
        self.source, self.columns = self.relation(self.r.choice([1, 2, 2, 3]))


def duck_type(kind):
    return {"STRING": "VARCHAR", "INT": "INTEGER"}.get(kind, kind)


def norm(v):
    if isinstance(v, float):
        return float(f"{v:.9g}") + 0.0
    return v


def expected(case):
    con = duckdb.connect()
    for t in case.tables:
        con.execute(f"CREATE TABLE {t.name} ({', '.join(f'{n} {duck_type(k)}' for n, k in t.columns)})")
        con.executemany(f"INSERT INTO {t.name} VALUES ({', '.join('?' for _ in t.columns)})", t.rows)
    for name, sql, columns in case.views:
        sql = sql.replace("CHAR_LENGTH(", "LENGTH(")
        con.execute(f"CREATE TABLE {name}_ AS {sql}")
        # Integer means and sums keep the type of their argument here.
        casts = ", ".join(f"CAST(trunc({c}) AS {duck_type(k)}) AS {c}" if k in ("INT", "BIGINT") else f"CAST({c} AS {duck_type(k)}) AS {c}" for c, k in columns)
        con.execute(f"CREATE VIEW {name} AS SELECT {casts} FROM {name}_")
    names = ", ".join(n for n, _ in case.columns)
    rows = con.execute(f"SELECT {names} FROM {case.source}").fetchall()
    return collections.Counter(tuple(norm(v) for v in row) for row in rows)


def script(case, folder, rate):
    out = []
    for t in case.tables:
        columns = ", ".join(f"{n} {k}" for n, k in t.columns)
        out.append(f"CREATE TABLE {t.name} ({columns}) WITH ('connector' = 'filesystem', 'path' = '{folder}/{t.name}', 'format' = 'json', 'source.rows-per-second' = '{rate}');")
    for name, sql, _ in case.views:
        out.append(f"CREATE VIEW {name} AS {sql};")
    columns = ", ".join(f"{n} {k}" for n, k in case.columns)
    out.append(f"CREATE TABLE o ({columns}) WITH ('connector' = 'filesystem', 'path' = '{folder}/out', 'format' = 'debezium-json');")
    names = ", ".join(n for n, _ in case.columns)
    out.append(f"INSERT INTO o SELECT {names} FROM {case.source};")
    return "\n".join(out)


def result(folder, columns):
    """The table that the changes leave, and whether one took away what was not there at the end of a checkpoint."""
    table = collections.Counter()
    by_checkpoint = collections.defaultdict(list)
    for name in os.listdir(f"{folder}/out"):
        if name.startswith("part-"):
            by_checkpoint[int(name.rsplit("-", 3)[1])].append(name)
    for checkpoint in sorted(by_checkpoint):
        for name in by_checkpoint[checkpoint]:
            with open(f"{folder}/out/{name}", encoding="utf-8") as f:
                for line in f:
                    change = json.loads(line)
                    row = change["after"] if change["op"] == "c" else change["before"]
                    table[tuple(norm(row[n]) for n, _ in columns)] += 1 if change["op"] == "c" else -1
        if any(n < 0 for n in table.values()):
            raise SystemExit(f"after checkpoint {checkpoint} rows are gone that never came: {[k for k, n in table.items() if n < 0]}")
    return +table


def run(case, weir, folder, r):
    for t in case.tables:
        os.makedirs(f"{folder}/{t.name}")
        files = r.randint(1, 3)
        for i in range(files):
            with open(f"{folder}/{t.name}/{i}.jsonl", "w", encoding="utf-8") as f:
                for row in t.rows[i::files]:
                    f.write(json.dumps(dict(zip([n for n, _ in t.columns], row)), ensure_ascii=False) + "\n")
    os.makedirs(f"{folder}/out")
    total = sum(len(t.rows) for t in case.tables)
    rate = max(100, total)
    text = script(case, folder, rate)
    with open(f"{folder}/job.sql", "w", encoding="utf-8") as f:
        f.write(text + "\n")
    kills = r.choice([0, 1, 2, 3])
    with open(f"{folder}/job.yaml", "w", encoding="utf-8") as f:
        json.dump({"apiVersion": "weir.stream/v1alpha1", "kind": "StreamJob", "metadata": {"name": "job"}, "spec": {
            "sql": text, "maxParallelism": 64, "checkpoint": {"storage": f"file://{folder}/chk", "interval": "50ms"}}}, f)
    for attempt in range(kills + 1):
        parallelism = r.choice([1, 2, 3])
        with open(f"{folder}/log.{attempt}", "w", encoding="utf-8") as log:
            p = subprocess.Popen([weir, "run", "-f", f"{folder}/job.yaml", "--set", f"spec.parallelism={parallelism}", "--web", "127.0.0.1:0"],
                                 stdout=log, stderr=log, cwd=folder)
            if attempt < kills:
                try:
                    p.wait(0.15 + r.random() * 1.0)
                except subprocess.TimeoutExpired:
                    p.send_signal(signal.SIGKILL)
                    p.wait()
                continue
            code = p.wait(120)
            if code != 0:
                with open(log.name, encoding="utf-8") as f:
                    raise SystemExit(f"weir ended with {code}: {f.read()[-1500:]}")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--weir", required=True)
    a.add_argument("--cases", type=int, default=100)
    a.add_argument("--seed", type=int, default=1)
    args = a.parse_args()
    failed = 0
    for seed in range(args.seed, args.seed + args.cases):
        case = Case(seed)
        case.build()
        folder = tempfile.mkdtemp(prefix=f"fuzz-sql-{seed}-")
        try:
            want = expected(case)
            run(case, os.path.abspath(args.weir), folder, random.Random(seed))
            got = result(folder, case.columns)
            if got != want:
                missing, extra = want - got, got - want
                raise SystemExit(f"the tables differ: missing {list(missing.items())[:5]}, too many {list(extra.items())[:5]}")
        except (SystemExit, Exception) as e:  # the next seed is tried all the same
            failed += 1
            print(f"seed {seed} failed, see {folder}: {e}\n" + "\n".join(f"  {n}: {s}" for n, s, _ in case.views), flush=True)
            continue
        shutil.rmtree(folder)
    print(f"{args.cases - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
