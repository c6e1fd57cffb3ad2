import time, threading, statistics
from pathlib import Path
from standby import journal
from rfps.models import Rfp, Site
from tests.unit.journal.test_replication import mac, rfps
from tests.unit.journal.conftest import *

def test_bench(pair):
    one, two = pair
    def t(label, f, n=1):
        s=time.perf_counter(); r=f(); d=time.perf_counter()-s
        print(f"{label}: {d*1000:.1f} ms, {n/d:.0f}/s"); return r
    ds=[]
    for i in range(300):
        s=time.perf_counter(); one.save(Site(name=f"s{i}")); ds.append(time.perf_counter()-s)
    ds.sort(); print("commit ms median", ds[150]*1e3, "p99", ds[297]*1e3, "max", ds[-1]*1e3)
    t("4096 rfps in one change", lambda: one.save(*rfps(4096)), 4096)
    def many():
        for i in range(500):
            r=one.rows(Rfp).get(mac=mac(i)); r.name="x"; one.save(r)
    t("500 updates", many, 500)
    n=one.head.seq
    gaps=[]; stop=[]
    def beat():
        last=time.perf_counter()
        while not stop:
            time.sleep(0.01); now=time.perf_counter(); gaps.append(now-last); last=now
    th=threading.Thread(target=beat); th.start()
    t("catch up 256K", lambda: two.fetch_from(one, 256*1024), n)
    print("beat gap max ms", max(gaps)*1e3); gaps.clear()
    t("digest", lambda: one.digest, 1)
    print("beat gap max ms", max(gaps)*1e3); gaps.clear()
    parts=t("snapshot parts", lambda: list(journal.snapshot_parts(using=one.alias)), n)
    print(len(parts), "beat gap max ms", max(gaps)*1e3); gaps.clear()
    two.demote(); 
    t("roll back all", lambda: journal.roll_back(0, using=two.alias), n)
    print("beat gap max ms", max(gaps)*1e3); gaps.clear()
    t("stage", lambda: two.stage("x", iter(parts)), n)
    print("beat gap max ms", max(gaps)*1e3); gaps.clear()
    t("install", lambda: journal.install_snapshot("x", using=two.alias), n)
    print("beat gap max ms", max(gaps)*1e3); gaps.clear()
    stop.append(1); th.join()
    assert one.digest==two.digest
