// Drives a server through node-redis, ioredis and BullMQ. A line a test: "ok name" or "not ok name: why".
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import Redis from 'ioredis';
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';

const port = Number(process.env.REDIS_PORT);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
let failed = 0;

async function test(name, f) {
  const admin = new Redis(connection);
  await admin.flushall();
  try {
    await Promise.race([f(admin), sleep(30_000, null, { ref: false }).then(() => { throw new Error('it takes too long'); })]);
    console.log('ok', name);
  } catch (e) {
    failed++;
    console.log(`not ok ${name}: ${String(e.message ?? e).replaceAll('\n', ' ')}`);
  }
  admin.disconnect();
}

for (const RESP of [2, 3]) {
  const open = async () => {
    const c = createClient({ RESP, socket: { host: '127.0.0.1', port } });
    c.on('error', () => {});
    return c.connect();
  };
  const using = (f) => async (admin) => {
    const c = await open();
    try { await f(c, admin); } finally { c.destroy(); }
  };
  await test(`node-redis RESP${RESP}: types`, using(async (c) => {
    await c.hSet('h', { a: '1', b: '2' });
    assert.deepEqual({ ...await c.hGetAll('h') }, { a: '1', b: '2' });
    await c.zAdd('z', [{ score: 1.5, value: 'm' }]);
    assert.deepEqual(await c.zRangeWithScores('z', 0, -1), [{ value: 'm', score: 1.5 }]);
    await c.set('k', 'v', { EX: 100 });
    assert.ok(await c.ttl('k') > 90);
  }));
  await test(`node-redis RESP${RESP}: pipeline`, using(async (c) => {
    const got = await Promise.all(Array.from({ length: 1000 }, () => c.incr('n')));
    assert.equal(got[999], 1000);
  }));
  await test(`node-redis RESP${RESP}: transaction`, using(async (c, admin) => {
    assert.deepEqual(await c.multi().set('a', '1').incr('a').exec(), ['OK', 2]);
    await c.watch('a');
    await admin.set('a', '5');
    await assert.rejects(c.multi().incr('a').exec());
  }));
  await test(`node-redis RESP${RESP}: pub/sub`, using(async (c) => {
    const sub = await open();
    const heard = [];
    await sub.subscribe('news', (m) => heard.push(m));
    await sub.pSubscribe('n*', (m) => heard.push(m));
    assert.equal(await c.publish('news', 'x'), 2);
    for (let i = 0; i < 100 && heard.length < 2; i++) await sleep(10);
    assert.deepEqual(heard, ['x', 'x']);
    sub.destroy();
  }));
  await test(`node-redis RESP${RESP}: blocking`, using(async (c, admin) => {
    setTimeout(() => admin.lpush('q', 'job'), 100);
    assert.deepEqual({ ...await c.blPop('q', 5) }, { key: 'q', element: 'job' });
    assert.equal(await c.blPop('q', 0.1), null);
  }));
  await test(`node-redis RESP${RESP}: scripts`, using(async (c) => {
    assert.deepEqual(await c.eval("return {KEYS[1], redis.call('INCR', KEYS[1])}", { keys: ['k'], arguments: [] }), ['k', 1]);
    const sha = await c.scriptLoad('return ARGV[1]');
    assert.equal(await c.evalSha(sha, { arguments: ['x'] }), 'x');
  }));
  await test(`node-redis RESP${RESP}: reconnects`, using(async (c, admin) => {
    const id = await c.clientId();
    await admin.client('KILL', 'ID', String(id));
    await sleep(300);
    await c.set('k', 'v');
    assert.equal(await c.get('k'), 'v');
  }));
}

await test('ioredis: pipeline and transaction', async (r) => {
  const got = await r.pipeline().set('a', 1).incr('a').lpush('a', 'x').exec();
  assert.deepEqual(got.slice(0, 2), [[null, 'OK'], [null, 2]]);
  assert.match(got[2][0].message, /^WRONGTYPE/);
  assert.deepEqual(await r.multi().incr('a').get('a').exec(), [[null, 3], [null, '3']]);
});
await test('ioredis: defined commands', async (r) => {
  r.defineCommand('add', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" });
  assert.equal(await r.add('n', 5), 5);
  await r.script('FLUSH');
  assert.equal(await r.add('n', 5), 10);
});
await test('ioredis: pub/sub, and reconnection subscribes again', async (r) => {
  const sub = new Redis(connection);
  await sub.subscribe('news');
  const heard = [];
  sub.on('message', (_, m) => heard.push(m));
  await r.publish('news', 'a');
  await r.client('KILL', 'TYPE', 'pubsub');
  for (let i = 0; i < 300 && await r.publish('news', 'b') === 0; i++) await sleep(10);
  for (let i = 0; i < 100 && !heard.includes('b'); i++) await sleep(10);
  assert.deepEqual([heard[0], heard.includes('b')], ['a', true]);
  sub.disconnect();
});
await test('ioredis: streams', async (r) => {
  await r.xadd('s', '1-1', 'f', 'v');
  await r.xgroup('CREATE', 's', 'g', '0');
  assert.deepEqual(await r.xreadgroup('GROUP', 'g', 'c', 'STREAMS', 's', '>'), [['s', [['1-1', ['f', 'v']]]]]);
});
await test('ioredis: command time-out', async () => {
  const c = new Redis({ ...connection, commandTimeout: 200 });
  await assert.rejects(c.blpop('q', 5), /timed out/);
  c.disconnect();
});

await test('bullmq: a thousand jobs', async () => {
  const queue = new Queue('jobs', { connection });
  await queue.addBulk(Array.from({ length: 1000 }, (_, i) => ({ name: 'n', data: { i } })));
  let sum = 0;
  const worker = new Worker('jobs', async (job) => { sum += job.data.i; return job.data.i; }, { connection, concurrency: 20 });
  for (let i = 0; i < 1000 && (await queue.getJobCounts('completed')).completed < 1000; i++) await sleep(20);
  assert.equal(sum, 499500);
  await worker.close();
  await queue.close();
});
await test('bullmq: retries, delays, priorities, events', async () => {
  const queue = new Queue('more', { connection });
  const events = new QueueEvents('more', { connection });
  await events.waitUntilReady();
  const order = [];
  const worker = new Worker('more', async (job) => {
    order.push(job.name);
    if (job.name === 'flaky' && job.attemptsMade < 2) throw new Error('again');
    return job.name;
  }, { connection, autorun: false });
  const jobs = [
    await queue.add('late', {}, { delay: 300 }),
    await queue.add('second', {}, { priority: 5 }),
    await queue.add('first', {}, { priority: 1 }),
    await queue.add('flaky', {}, { attempts: 3, backoff: { type: 'fixed', delay: 50 }, priority: 9 }),
  ];
  worker.run();
  assert.deepEqual(await Promise.all(jobs.map((j) => j.waitUntilFinished(events, 10_000))), ['late', 'second', 'first', 'flaky']);
  assert.ok(order.indexOf('first') < order.indexOf('second'));
  assert.equal(order.filter((n) => n === 'flaky').length, 3);
  await worker.close();
  await events.close();
  await queue.close();
});
await test('bullmq: flows, repeated jobs, rate limit', async () => {
  const flow = new FlowProducer({ connection });
  const events = new QueueEvents('flow', { connection });
  await events.waitUntilReady(); // else the end may come first
  const worker = new Worker('flow', async (job) => (job.name === 'parent' ? Object.values(await job.getChildrenValues()).length : 1),
    { connection, limiter: { max: 50, duration: 100 } });
  const tree = await flow.add({ name: 'parent', queueName: 'flow', children: [1, 2, 3].map((i) => ({ name: 'child', queueName: 'flow', data: { i } })) });
  assert.equal(await tree.job.waitUntilFinished(events, 10_000), 3);
  const queue = new Queue('flow', { connection });
  await queue.upsertJobScheduler('often', { every: 100 }, { name: 'tick' });
  for (let i = 0; i < 100 && (await queue.getCompletedCount()) < 7; i++) await sleep(50);
  assert.ok(await queue.getCompletedCount() >= 7);
  await queue.obliterate({ force: true });
  await worker.close();
  await events.close();
  await queue.close();
  await flow.close();
});

process.exit(failed > 0 ? 1 : 0);
