// 100,000 keys of 10,000 users: memory, the time of a start, and how soon a change is in force.
// Times and sizes are told; what must be is that every change is in force.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const users = Number(process.env.SOAK_USERS ?? 10_000);
const keys = Number(process.env.SOAK_KEYS ?? 100_000);
const changes = Number(process.env.SOAK_CHANGES ?? 100);
const token = 'administration-token';

const textOf = (i) => `sk-${String(i).padStart(48, '0')}`;

function fill(file) {
  const db = new DatabaseSync(file);
  const hex = db.prepare("SELECT value FROM settings WHERE name = 'key_secret'").get().value;
  const secret = Buffer.from(hex, 'hex');
  const digest = (text) => createHmac('sha256', secret).update(text).digest('hex');
  db.exec('BEGIN');
  const user = db.prepare('INSERT INTO users (name, created_at) VALUES (?, 0)');
  const wallet = db.prepare('INSERT INTO wallets (user_id, balance, created_at) VALUES (?, ?, 0)');
  const ids = [];
  for (let i = 0; i < users; i++) {
    ids.push(user.run(`user${i}`).lastInsertRowid);
    wallet.run(ids[i], 1_000_000_000n);
  }
  const key = db.prepare(
    `INSERT INTO api_keys (digest, prefix, name, user_id, configured, enabled, rpm, tpm,
     max_parallel, models, allow_ips, created_at, quota_tokens, budget_month)
     VALUES (?, 'sk-000', ?, ?, 0, 1, 1000, 0, 10, '["mock-*"]', '[]', 0, 1000000, ?)`,
  );
  for (let i = 0; i < keys; i++) {
    const budget = i % 4 === 0 ? 1_000_000_000n : null;
    key.run(digest(textOf(i)), `key ${i}`, ids[i % users], budget);
  }
  db.exec('COMMIT');
  db.close();
}

const residentMiB = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

const admin = (gateway, method, route, body) =>
  fetch(`${gateway.url}/api/admin/${route}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'if-match': '*' },
    body: body && JSON.stringify(body),
  });

const chat = async (gateway, key) => {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'mock-c1-i0', messages: [{ role: 'user', content: 'hi' }] }),
  });
  await answer.text();
  return answer.status;
};

const quantile = (times, share) => times.sort((a, b) => a - b)[Math.floor(share * (times.length - 1))];

test(`${keys} keys of ${users} users`, { timeout: 600_000 }, async (t) => {
  const mock = await startMock();
  const config = configFor(mock.url, {
    auth: { admin_token: token },
    keys: [{ key: 'sk-known', name: 'known' }],
  });
  const small = await startGateway(config);
  await chat(small, 'sk-known');
  const before = residentMiB(small.pid);
  await small.stop();
  fill(path.join(small.folder, 'data', 'sluice.db'));

  const begun = performance.now();
  const gateway = await startGateway(config, { folder: small.folder });
  t.diagnostic(`started in ${(performance.now() - begun).toFixed(0)} ms`);
  for (let i = 0; i < 100; i++) {
    assert.equal(await chat(gateway, textOf((i * 7919) % keys)), 200);
  }
  const after = residentMiB(gateway.pid);
  t.diagnostic(`${after.toFixed(1)} MiB resident, ${before.toFixed(1)} without them`);

  const answered = [];
  const seen = [];
  for (let i = 0; i < changes; i++) {
    const at = performance.now();
    const made = await admin(gateway, 'POST', 'keys', { name: `new ${i}`, user: `user${i}` });
    assert.equal(made.status, 201);
    const { id, key } = await made.json();
    answered.push(performance.now() - at);
    const from = performance.now();
    while ((await chat(gateway, key)) !== 200) assert.ok(performance.now() - from < 5000);
    seen.push(performance.now() - from);
    assert.equal((await admin(gateway, 'DELETE', `keys/${id}`)).status, 200);
    const gone = performance.now();
    while ((await chat(gateway, key)) !== 401) assert.ok(performance.now() - gone < 5000);
    seen.push(performance.now() - gone);
  }
  t.diagnostic(
    `a key is made in ${quantile(answered, 0.5).toFixed(1)} ms (p99 ${quantile(answered, 0.99).toFixed(1)}); ` +
      `a change is seen by the next call, which took ${quantile(seen, 0.5).toFixed(1)} ms ` +
      `(p99 ${quantile(seen, 0.99).toFixed(1)}, call and upstream included)`,
  );
});
