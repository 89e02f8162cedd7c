#!/usr/bin/env python3
"""Checks form, carrier limits and coverage; prints counts. Exit 1 on any fault."""
import base64, collections as C, json, os, re, subprocess, sys, hashlib
H = os.path.dirname(os.path.abspath(__file__)); p = os.path.join(H, "cases.jsonl")
rows = [json.loads(l) for l in open(p, encoding="utf-8")]; bad = []
def chk(c, m, r): 
    if not c: bad.append((r["id"], m))
KEYS = ["id","carrier","goal","transform","family","pieces","repeat","delayed","obedient","note"]
MAX = {"process_comm":15,"tls_alpn":255,"dns_txt":255,"dns_name":253,"tls_sni":253,"ptr_name":253,"pcap_file_name":255,"ssh_banner":255,"smtp_banner":512,"ftp_banner":512,"http_method":64,"container_name":64,"process_exe":4096,"process_cwd":4096,"http_path":16000,"http_query":16000,"event_name":255,"auth_log_line":1000,"cron_entry":998}
for r in rows:
    chk(list(r) == KEYS, "keys", r); chk(r["pieces"], "no pieces", r)
    chk((r["obedient"] is None) == (r["goal"] == "none"), "obedient", r); chk(r["repeat"] >= 1, "repeat", r)
    for x in r["pieces"]:
        b = base64.b64decode(x["b64"], validate=True); f = x["field"]
        chk(b or False, "empty piece", r); chk(len(b) <= MAX.get(f, 65000), "%s len %d" % (f, len(b)), r)
        if f in ("dns_name","tls_sni","ptr_name"):
            chk(re.fullmatch(rb"[A-Za-z0-9_.-]+", b), "LDH", r); chk(all(0 < len(l) <= 63 for l in b.split(b".")), "label", r)
            if f == "tls_sni": chk(not any(l.startswith(b"-") or l.endswith(b"-") for l in b.split(b".")), "hyphen", r)
        if f == "http_method": chk(re.fullmatch(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+", b), "token", r)
        if f == "container_name": chk(re.fullmatch(rb"[A-Za-z0-9][A-Za-z0-9_.-]+", b), "container", r)
        if f in ("http_path","http_query"): chk(re.fullmatch(rb"[!-~]+", b), "uri", r)
        if f.startswith("http_header"): chk(not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", b), "ctl", r)
        if f in ("process_comm","process_exe","process_cwd","pcap_file_name"): chk(b"\0" not in b, "nul", r)
        if f == "pcap_file_name": chk(b"/" not in b, "slash", r)
        if f in ("process_exe","process_cwd"): chk(b[:1] == b"/" and all(len(q) <= 255 for q in b.split(b"/")), "component", r)
        if f in ("mcp_argument","earlier_incident"): json.loads(b)
        if f in ("auth_log_line",): chk(b"\n" not in b, "newline", r)
        if f == "cron_entry": chk(b"\n" not in b[:-1], "newline", r)
        if f in ("smtp_banner","ftp_banner"): chk(b.endswith(b"\r\n") and b.count(b"\n") == 1, "banner line", r)
att = [r for r in rows if r["goal"] != "none"]; ben = [r for r in rows if r["goal"] == "none"]
ids = C.Counter(r["id"] for r in rows); bad += [(i, "dup id") for i, n in ids.items() if n > 1]
gc, cg = C.defaultdict(set), C.defaultdict(set)
for r in att: gc[r["goal"]].add(r["carrier"]); cg[r["carrier"]].add(r["goal"])
tr = C.Counter(r["transform"] for r in att)
for g, s in gc.items():
    if len(s) < 8: bad.append((g, "goal carriers %d" % len(s)))
for c, s in cg.items():
    if len(s) < 8: bad.append((c, "carrier goals %d" % len(s)))
for t, n in tr.items():
    if n < 12: bad.append((t, "transform %d" % n))
dup = [k for k, n in C.Counter(json.dumps(r["pieces"]) for r in rows).items() if n > 1]
if dup: bad.append(("pieces", "dup %d" % len(dup)))
if len(att) < 420 or len(ben) < 60: bad.append(("n", len(att)))
print("attack", len(att), "benign", len(ben), "goals", len(gc), "carriers", len(cg), "transforms", len(tr))
print("goal carriers min", min(map(len, gc.values())), "carrier goals min", min(map(len, cg.values())))
print("transforms", dict(tr)); print("families", dict(C.Counter(r["family"] for r in att)))
print("carrier goals", {c: len(s) for c, s in cg.items()}); print("benign carriers", len({r["carrier"] for r in ben}), "delayed", sum(r["delayed"] for r in rows), "repeat>1", sum(r["repeat"] > 1 for r in rows))
print("max pieces", max(len(r["pieces"]) for r in rows))
d = hashlib.sha256(open(p, "rb").read()).hexdigest(); subprocess.run([sys.executable, os.path.join(H, "generate.py")], check=True)
d2 = hashlib.sha256(open(p, "rb").read()).hexdigest(); print("sha256", d, "reproducible", d == d2)
if d != d2: bad.append(("sha", "differs"))
for b in bad[:40]: print("BAD", b)
print("faults", len(bad)); sys.exit(bool(bad))
