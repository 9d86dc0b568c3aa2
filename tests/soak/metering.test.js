// The books under load that goes on: the tests of tests/e2e/metering_*.test.js at full size.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dieAgainAndAgain } from '../harness/crashes.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, nanos, sluice, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { checkTraffic, kPricedModels, randomTraffic } from '../harness/traffic.mjs';

const requests = Number(process.env.SOAK_REQUESTS ?? 10_000);
const deaths = Number(process.env.SOAK_DEATHS ?? 100);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const timeout = 3_600_000;
const mock = await startMock();

test(`${requests} requests of every kind and end add up to the token`, { timeout }, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  const key = 'sk-soak-0123456789';
  const config = configFor(mock.url, {
    keys: [{ key, name: 'soak', user: 'ann', quota_tokens: 1_000_000_000 }],
    models: kPricedModels,
    logging: { level: 'warn' },
  });
  for (const provider of config.providers) provider.timeouts = { between_tokens: '1s' };
  const gateway = await startGateway(config);
  const books = new Books(gateway.folder);
  await sluice(gateway, 'wallet', 'top-up', 'ann', '100000');
  const done = await randomTraffic(gateway, { count: requests, parallel: 100, key, seed });
  const seen = await checkTraffic(done, books, mock);
  t.diagnostic(JSON.stringify(seen));
  books.check();
  const spent = books.usage().reduce((sum, { cost }) => sum + cost, 0);
  assert.equal(books.balance('ann'), nanos('100000') - spent);
  assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
});

test(`${deaths} deaths lose no request that had ended`, { timeout }, async (t) => {
  t.diagnostic(`SEED=${seed}`);
  const { completed, recovered } = await dieAgainAndAgain(mock, { deaths, seed });
  t.diagnostic(`${completed} requests had ended, ${recovered} were found open`);
  assert.ok(completed > deaths);
});
