// The books under load that goes on, on each of the three databases: the tests of
// tests/e2e/metering_*.test.js and databases*.test.js at full size. SOAK_DATABASES=postgresql,mysql
// chooses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dieAgainAndAgain } from '../harness/crashes.mjs';
import { spendByCalls, spendByStreams } from '../harness/crowds.mjs';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { nanos, sluice, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { checkTraffic, kPricedModels, randomTraffic } from '../harness/traffic.mjs';

const requests = Number(process.env.SOAK_REQUESTS ?? 10_000);
const deaths = Number(process.env.SOAK_DEATHS ?? 100);
const crowds = Number(process.env.SOAK_CROWDS ?? 10);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const chosen = process.env.SOAK_DATABASES?.split(',') ?? kinds;
const timeout = 3_600_000;
const kCrowd = 1000;
const kQuota = 10_000;
const mock = await startMock();
for (const kind of servers) if (chosen.includes(kind)) await startServer(kind);

for (const kind of chosen) {
  test(`${kind}: ${crowds} crowds of ${kCrowd} streams, and as many of calls, on one quota each`, { timeout }, async (t) => {
    const place = await placeFor(kind);
    const names = Array.from({ length: crowds }, (_, i) => `crowd${i}`);
    const keys = names
      .flatMap((name) => [`${name}s`, `${name}w`])
      .map((name) => ({ key: `sk-${name}-0123456789`, name, quota_tokens: kQuota }));
    const config = configFor(mock.url, {
      ...place.changes,
      keys,
      models: [{ name: 'mock-c20000-f50', max_output: 20_000 }],
      logging: { level: 'warn' },
    });
    const gateway = await startGateway(config, place);
    let served = 0;
    for (const name of names) {
      const size = { count: kCrowd, quota: kQuota };
      served += await spendByStreams(gateway, place.books, mock, { name: `${name}s`, ...size });
      await spendByCalls(gateway, place.books, { name: `${name}w`, ...size });
    }
    t.diagnostic(`${served} of ${crowds * kCrowd} streams were let in`);
    assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
  });

  test(`${kind}: ${requests} requests of every kind and end add up to the token`, { timeout }, async (t) => {
    t.diagnostic(`SEED=${seed}`);
    const place = await placeFor(kind);
    const key = 'sk-soak-0123456789';
    const config = configFor(mock.url, {
      ...place.changes,
      keys: [{ key, name: 'soak', user: 'ann', quota_tokens: 1_000_000_000 }],
      models: kPricedModels,
      logging: { level: 'warn' },
    });
    for (const provider of config.providers) provider.timeouts = { between_tokens: '1s' };
    const gateway = await startGateway(config, place);
    const { books } = place;
    await sluice(gateway, 'wallet', 'top-up', 'ann', '100000');
    const name = `soak-${kind}`;
    const done = await randomTraffic(gateway, { count: requests, parallel: 100, key, seed, name });
    const seen = await checkTraffic(done, books, mock);
    t.diagnostic(JSON.stringify(seen));
    books.check();
    const spent = books.usage().reduce((sum, { cost }) => sum + cost, 0);
    assert.equal(books.balance('ann'), nanos('100000') - spent);
    assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
  });

  test(`${kind}: ${deaths} deaths lose no request that had ended`, { timeout }, async (t) => {
    t.diagnostic(`SEED=${seed}`);
    const place = await placeFor(kind);
    const { completed, recovered } = await dieAgainAndAgain(mock, { deaths, seed, place });
    t.diagnostic(`${completed} requests had ended, ${recovered} were found open`);
    assert.ok(completed > deaths);
  });

  const both = Math.ceil(deaths / 10);
  const skip = kind === 'sqlite' && 'it has no server';
  test(`${kind}: ${both} deaths together with the server's lose none either`, { timeout, skip }, async (t) => {
    t.diagnostic(`SEED=${seed}`);
    const place = await placeFor(kind);
    const { completed, recovered } = await dieAgainAndAgain(mock, { deaths: both, seed, place, together: true });
    t.diagnostic(`${completed} requests had ended, ${recovered} were found open`);
    assert.ok(completed > both);
  });
}
