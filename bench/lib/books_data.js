// A database as after 400 days: a million requests with what they cost, written into the schema that
// the gateway has made itself. Half of the requests are of one user, the rest falls off from user to
// user; so do keys, models and providers. The books are in order: verification finds nothing.
import { createHash } from 'node:crypto';

// It is experimental in Node 22, which says so once in every process that uses it.
process.removeAllListeners('warning');
const { DatabaseSync } = await import('node:sqlite');

const kDay = 86_400_000;
export const kDays = 400;
export const kHeavy = 'heavy';

// In USD per 1M tokens; nano-USD per token are a thousand times that.
const kModels = [
  { name: 'gpt-4o', providers: ['openai', 'azure'], input: 2.5, output: 10, share: 30 },
  { name: 'gpt-4o-mini', providers: ['openai', 'azure'], input: 0.15, output: 0.6, share: 22 },
  { name: 'claude-sonnet-4-6', providers: ['anthropic', 'bedrock'], input: 3, output: 15, share: 18 },
  { name: 'claude-haiku-4-5', providers: ['anthropic'], input: 1, output: 5, share: 9 },
  { name: 'gemini-2.5-pro', providers: ['gemini'], input: 1.25, output: 10, share: 6 },
  { name: 'gemini-2.5-flash', providers: ['gemini'], input: 0.3, output: 2.5, share: 5 },
  { name: 'llama-3.3-70b', providers: ['workers', 'openai'], input: 0.4, output: 0.4, share: 4 },
  { name: 'qwen3-32b', providers: ['workers'], input: 0.2, output: 0.2, share: 2 },
  { name: 'glm-4.6', providers: ['zai'], input: 0.6, output: 2.2, share: 2 },
  { name: 'o3', providers: ['openai'], input: 2, output: 8, share: 1 },
  { name: 'text-embedding-3-small', providers: ['openai'], input: 0.02, output: 0, share: 1 },
];
// Requests of an hour of the day (UTC), relative to each other.
const kHours = [3, 2, 2, 1, 1, 2, 4, 8, 12, 15, 16, 15, 13, 15, 16, 15, 13, 11, 8, 7, 6, 6, 5, 4];

/// The same numbers every time: https://prng.di.unimi.it/splitmix64.c, in 32 bits.
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/// Picks an index by its share of all.
function picker(shares) {
  const sums = [];
  let all = 0;
  for (const share of shares) sums.push((all += share));
  return (random) => {
    const wanted = random * all;
    return sums.findIndex((sum) => wanted < sum);
  };
}

/// When requests came, in order: more of them each day than a year ago, and by day.
function timesOf(count, end, random) {
  const pickHour = picker(kHours);
  const times = new Float64Array(count);
  for (let i = 0; i < count; ++i) {
    const day = Math.floor(kDays * (Math.sqrt(1 + 8 * random()) - 1) / 2);
    const hour = pickHour(random());
    times[i] = Math.floor(end - (kDays - day) * kDay + (hour + random()) * 3_600_000);
  }
  return times.map((at) => Math.min(at, end)).sort();
}

const decision = (model, provider) => JSON.stringify({
  rule: { type: 'prefix', pattern: `${model.slice(0, 3)}*`, target: 'pool', priority: 10 },
  group: { name: 'pool', strategy: 'weighted_round_robin' },
  candidates: ['openai', 'azure', 'anthropic', 'workers'].map((name) => ({
    target: name, weight: 3, in_flight: 2, breaker: 'closed', key: 0, picked: name === provider,
  })),
  attempts: [{ target: provider, status: 200, ms: 812 }],
  lease: { tokens: 1056, marks: 2, delivered: 412 },
});

export const digestOf = (text) => createHash('sha256').update(text).digest('hex');

function insertAll(database, table, columns, rows) {
  const statement = database.prepare(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`);
  database.exec('BEGIN');
  let last;
  for (const row of rows) last = statement.run(...row);
  database.exec('COMMIT');
  return last;
}

/// Fills an empty database of the newest schema. `rows` requests of `users` users with `keys` keys.
export function fill(file, { rows, users, keys, audit, end = Date.now() - 60_000 }) {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000');
  const random = numbers(42);
  const begin = end - kDays * kDay;

  insertAll(database, 'users', ['id', 'name', 'email', 'role', 'created_at'], function* () {
    for (let i = 1; i <= users; ++i) {
      const name = i === 1 ? kHeavy : `user${String(i).padStart(5, '0')}`;
      yield [i, name, `${name}@example.com`, 'user', begin];
    }
  }());
  const prices = kModels.map((_, i) => i + 1);
  insertAll(database, 'model_rates',
    ['id', 'model', 'input', 'output', 'cache_read', 'cache_write', 'valid_from', 'scope', 'created_by'],
    kModels.map(({ name, input, output }, i) => [prices[i], name, Math.round(input * 1e9),
      Math.round(output * 1e9), Math.round(input * 1e9), Math.round(input * 1e9), begin, '', 'bench']));

  // Keys belong to users in turns; what they have used is added up on the way.
  const keysOf = Array.from({ length: users + 1 }, () => []);
  const used = { tokens: new Float64Array(keys + 1), nanos: new Array(keys + 1).fill(0n) };
  for (let id = 1; id <= keys; ++id) keysOf[1 + ((id - 1) % users)].push(id);
  const nameOf = (id) => `key-${1 + ((id - 1) % users)}-${Math.floor((id - 1) / users)}`;

  const top_up = 10_000_000n * 1_000_000_000n;  // as good as unlimited
  const balances = new Array(users + 1).fill(top_up);
  insertAll(database, 'wallets', ['id', 'user_id', 'balance', 'created_at'], function* () {
    for (let i = 1; i <= users; ++i) yield [i, i, 0, begin];
  }());
  const entry = ['wallet_id', 'kind', 'amount', 'balance_after', 'reference', 'actor', 'reason', 'created_at'];
  insertAll(database, 'wallet_transactions', entry, function* () {
    for (let i = 1; i <= users; ++i) {
      yield [i, 'top_up', top_up, top_up, `top-up-${i}`, 'bench', 'all of it', begin];
    }
  }());

  // Built at once afterwards, which is faster than row by row.
  const indexes = database.prepare(
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN"
    + " ('usage_logs', 'wallet_transactions', 'api_keys', 'audit_log')").all();
  for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);

  const charges = database.prepare(
    `INSERT INTO wallet_transactions (${entry.join(', ')}) VALUES (?, 'charge', ?, ?, ?, 'gateway', '', ?)`);
  const columns = ['id', 'request_id', 'key_id', 'user_id', 'wallet_id', 'key_name', 'dialect',
    'requested_model', 'upstream_model', 'provider', 'worker', 'attempts', 'input_tokens',
    'cache_read_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens', 'counted_input',
    'counted_output', 'reported_input', 'reported_cache_read', 'reported_cache_write', 'reported_output',
    'reported_reasoning', 'basis', 'price_id', 'cost', 'outcome', 'status', 'stream', 'ttft_us',
    'duration_us', 'started_at', 'decision', 'upstream_cost'];
  const times = timesOf(rows, end, random);
  const pickModel = picker(kModels.map(({ share }) => share));
  const decisions = new Map();
  insertAll(database, 'usage_logs', columns, function* () {
    for (let i = 0; i < rows; ++i) {
      // Of others the lower numbers ask most often.
      const user = random() < 0.5 ? 1 : 2 + Math.floor((users - 1) * random() ** 3);
      const mine = keysOf[user];
      const key = mine[Math.floor(mine.length * random() ** 2)];
      const m = pickModel(random());
      const model = kModels[m];
      const provider = model.providers[random() < 0.85 ? 0 : model.providers.length - 1];
      const input = 200 + Math.floor(4000 * random() ** 2);
      const output = model.output === 0 ? 0 : 20 + Math.floor(1500 * random() ** 2);
      const cost = BigInt(input) * BigInt(Math.round(model.input * 1000))
        + BigInt(output) * BigInt(Math.round(model.output * 1000));
      const failed = random() < 0.02;
      const id = `use_${i.toString(36).padStart(10, '0')}${digestOf(String(i)).slice(0, 14)}`;
      used.tokens[key] += input + output;
      used.nanos[key] += cost;
      balances[user] -= cost;
      charges.run(user, -cost, balances[user], id, times[i]);
      const kind = `${model.name} ${provider}`;
      if (!decisions.has(kind)) decisions.set(kind, decision(model.name, provider));
      yield [id, `req_${i}`, key, user, user, nameOf(key),
        model.name.startsWith('claude') ? 'anthropic' : 'openai', model.name, model.name, provider, '', 1,
        input, 0, 0, output, 0, input, output, input, 0, 0, output, 0, 'reported', prices[m], cost,
        failed ? 'cut' : 'finished', failed ? 502 : 200, 1, 200_000 + Math.floor(1e6 * random()),
        1_000_000 + Math.floor(2e7 * random()), times[i], decisions.get(kind), cost * 8n / 10n];
    }
  }());
  insertAll(database, 'api_keys',
    ['id', 'digest', 'prefix', 'name', 'user_id', 'configured', 'enabled', 'quota_tokens', 'used_tokens',
      'used_nanos', 'rpm', 'tpm', 'max_parallel', 'models', 'allow_ips', 'created_at', 'budget_day', 'last_used_at'],
    function* () {
      for (let id = 1; id <= keys; ++id) {
        yield [id, digestOf(`key ${id}`), 'sk-slc', nameOf(id), 1 + ((id - 1) % users), 0, 1,
          id % 3 === 0 ? null : 1e12, used.tokens[id], used.nanos[id], 600, 0, 20, '["gpt-4o*","claude-*"]',
          id % 10 === 0 ? '["10.0.0.0/8"]' : '[]', begin, id % 4 === 0 ? 1e12 : null, end];
      }
    }());
  insertAll(database, 'audit_log',
    ['at', 'actor', 'address', 'action', 'subject', 'before_state', 'after_state'], function* () {
      for (let i = 0; i < audit; ++i) {
        const user = Math.floor(users * random());
        yield [Math.floor(begin + (end - begin) * i / audit), i % 3 === 0 ? 'admin' : `user:${user}`, '127.0.0.1',
          'PATCH /api/keys/{id}', String(user), '{"name":"before","rpm":600}', '{"name":"after","rpm":60}'];
      }
    }());
  const update = database.prepare('UPDATE wallets SET balance = ? WHERE id = ?');
  database.exec('BEGIN');
  for (let i = 1; i <= users; ++i) update.run(balances[i], i);
  database.exec('COMMIT');
  for (const { sql } of indexes) database.exec(sql);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

/// One value of a query, of a database that may be in use.
export function ask(file, sql) {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Object.values(database.prepare(sql).get() ?? {})[0];
  } finally {
    database.close();
  }
}
