# %%% awaiting
# %%
import asyncio
# %%
async def fetch(n, delay=0.001):
    await asyncio.sleep(delay)
    return n * 2
await fetch(21)
# %%
results = await asyncio.gather(*(fetch(i) for i in range(4)))
results
# %%
async def agen(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i
[x async for x in agen(3)]
# %%
async for x in agen(2):
    print("got", x)
x
# %%
class Session:
    async def __aenter__(self):
        print("open")
        return self
    async def __aexit__(self, *exc):
        print("close")
async with Session() as s:
    value = await fetch(1)
value
# %%
task = asyncio.create_task(fetch(5))
value = await task
del task
value
# %%
try:
    await asyncio.wait_for(asyncio.sleep(5), timeout=0.01)
except asyncio.TimeoutError:
    print("timed out")
# %%
queue_log = []
async def producer(q):
    for i in range(3):
        await q.put(i)
    await q.put(None)
async def consumer(q):
    while (item := await q.get()) is not None:
        queue_log.append(item)
async def main():
    q = asyncio.Queue()
    await asyncio.gather(producer(q), consumer(q))
await main()
queue_log
# %%
async def failing():
    raise ValueError("async failure")
await failing()
# %%
r = await asyncio.gather(fetch(1), failing(), return_exceptions=True)
r
# %%
asyncio.get_running_loop().is_running()
# %%
asyncio.run(fetch(1))
# %%
done = {k: await fetch(k) for k in range(3)}
done
# %%
sem = asyncio.Semaphore(2)
async with sem:
    print(sem.locked())
sem = None
# %%
async with asyncio.timeout(5):
    third = await fetch(3)
third
