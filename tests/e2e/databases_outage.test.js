// What the books on a server must show, in short: tests/soak does it at full size. Nobody spends
// more than there is; nothing is lost or charged twice when the gateway dies, when the server does,
// when connections are cut while they commit, and when a spool is carried a second time.
import assert from 'node:assert/strict';
import { cpSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { dieAgainAndAgain } from '../harness/crashes.mjs';
import { spendByCalls, spendByStreams } from '../harness/crowds.mjs';
import { placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { call, costOf, kPrompt, nanos, sluice, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { cuts, outage } from '../harness/outages.mjs';

const kQuota = 10_000;
const kPrice = { input: '2.50', output: '10.00' };
const mock = await startMock();
for (const kind of servers) await startServer(kind);

for (const kind of servers) {
  test(`on ${kind} a crowd on one quota never passes it`, async () => {
    const place = await placeFor(kind);
    const config = configFor(mock.url, {
      ...place.changes,
      keys: ['streams', 'wholes'].map((name) => ({
        ...{ key: `sk-${name}-0123456789`, name, quota_tokens: kQuota },
      })),
      models: [{ name: 'mock-c20000-f50', max_output: 20_000 }],
      logging: { level: 'warn' },
    });
    const gateway = await startGateway(config, place);
    const size = { count: 200, quota: kQuota };
    await spendByStreams(gateway, place.books, mock, { name: 'streams', ...size });
    await spendByCalls(gateway, place.books, { name: 'wholes', ...size });
  });

  test(`on ${kind} deaths under load lose no request that a client has seen the end of`, async () => {
    const place = await placeFor(kind);
    const { completed } = await dieAgainAndAgain(mock, { deaths: 2, seed: 5, clients: 12, place });
    assert.ok(completed > 5, `${completed}`);
  });

  test(`on ${kind} calls are served while the server is away, and each arrives once`, async () => {
    const place = await placeFor(kind);
    const { during } = await outage(mock, place, { seconds: 1 });
    assert.ok(during > 10, `${during} calls were served meanwhile`);
  });

  test(`on ${kind} connections that are cut while they commit charge nothing twice`, async (t) => {
    const place = await placeFor(kind);
    const seen = await cuts(mock, place, { cuts: 6, seed: 3, topUps: 2 });
    t.diagnostic(JSON.stringify(seen));
  });

  test(`on ${kind} a spool that is carried again changes no balance`, async () => {
    const place = await placeFor(kind);
    const key = 'sk-again-0123456789';
    const config = configFor(mock.url, {
      ...place.changes,
      keys: [{ key, name: 'again', user: 'ann', quota_tokens: 100_000 }],
      models: [{ name: 'mock-c5', ...kPrice }],
      logging: { level: 'warn' },
    });
    const gateway = await startGateway(config, place);
    await sluice(gateway, 'wallet', 'top-up', 'ann', '1');
    await place.server.kill();
    for (let i = 0; i < 10; ++i) await call(gateway, { key, body: chat('mock-c5') });
    await gateway.stop();
    const data = path.join(place.folder, 'data');
    const spool = readdirSync(data).filter((name) => name.startsWith('spool.db'));
    const copies = path.join(place.folder, 'copies');
    for (const name of spool) cpSync(path.join(data, name), path.join(copies, name));
    await place.server.start();
    for (let time = 0; time < 2; ++time) {
      const again = await startGateway(config, place);
      await place.books.settled();
      place.books.check();
      assert.equal(place.books.usage().length, 10);
      const left = nanos('1') - 10 * costOf(kPrice, kPrompt.openai, 5);
      assert.equal(place.books.balance('ann'), left);
      assert.equal((await sluiceJson(again, 'wallet', 'verify')).equal, true);
      await again.stop();
      for (const name of spool) cpSync(path.join(copies, name), path.join(data, name));
    }
  });
}
