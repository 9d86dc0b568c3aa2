// What administrators and users look at, as requests: {name, path, body?, who, long?}.
const kDay = 86_400_000;

function subsets(names) {
  return names.reduce((all, name) => [...all, ...all.map((some) => [...some, name])], [[]]).slice(1);
}

const date = (ms) => new Date(ms).toISOString().slice(0, 10);

/// Of the whole time, of a month, and of a time that begins and ends in the middle of a quarter of an hour.
function ranges(now) {
  return {
    all: '',
    month: `&from=${date(now - 30 * kDay)}&to=${date(now)}`,
    odd: `&from=${new Date(now - 200 * kDay - 1_234_567).toISOString()}`
      + `&to=${new Date(now - 3_456_789).toISOString()}`,
  };
}

/// Filters of lists and summaries, with somebody who has much and somebody who has little.
function filters(facts) {
  return {
    admin: {
      'a user with half of all': `user=${facts.heavy}`,
      'another user': `user=${facts.light}`,
      'no user': 'user=nobody',
      'a key': `key=${facts.key}`,
      'a model': 'model=gpt-4o',
      'a rare model': 'model=text-embedding-3-small',
      'no model': 'model=none',
      'a provider': 'provider=openai',
      'a rare provider': 'provider=zai',
      'no provider': 'provider=none',
      'user and model': `user=${facts.heavy}&model=o3`,
      'user and rare model': `user=${facts.light}&model=text-embedding-3-small`,
      'user and provider': `user=${facts.heavy}&provider=zai`,
      'user and key': `user=${facts.heavy}&key=${facts.key}`,
      'key and model': `key=${facts.key}&model=o3`,
      'model and provider': 'model=claude-sonnet-4-6&provider=bedrock',
      'model and wrong provider': 'model=gpt-4o&provider=zai',
      'all four': `user=${facts.heavy}&key=${facts.key}&model=o3&provider=openai`,
    },
    own: {
      'all': '',
      'a key': `key=${facts.key}`,
      'a model': 'model=gpt-4o',
      'a rare model': 'model=text-embedding-3-small',
      'no model': 'model=none',
      'a provider': 'provider=openai',
      'a rare provider': 'provider=zai',
      'no provider': 'provider=none',
      'key and model': `key=${facts.key}&model=o3`,
      'another\'s key': `key=${facts.lightKey}`,
    },
  };
}

/// Lists of usage; `cursor` of a row in the middle and of one of the last.
export function usagePages(facts) {
  const pages = [];
  const { admin, own } = filters(facts);
  const add = (who, route, name, filter) => {
    pages.push({ group: `${who} usage page`, name: `${name}, first`, who, path: `${route}?limit=50&${filter}` });
    for (const [where, cursor] of Object.entries(facts.cursors)) {
      pages.push({
        group: `${who} usage page`, name: `${name}, ${where}`, who,
        path: `${route}?limit=50&${filter}&cursor=${cursor}`,
      });
    }
    const { month, odd } = ranges(facts.now);
    pages.push({ group: `${who} usage page`, name: `${name}, of a month`, who, path: `${route}?${filter}${month}` });
    pages.push({ group: `${who} usage page`, name: `${name}, odd time`, who, path: `${route}?${filter}${odd}` });
  };
  add('admin', '/api/admin/usage', 'all', '');
  for (const [name, filter] of Object.entries(admin)) add('admin', '/api/admin/usage', name, filter);
  for (const [name, filter] of Object.entries(own)) add('user', '/api/usage', name, filter);
  const csv = 'format=csv&limit=1000';
  pages.push({ group: 'CSV, 1000 rows', name: 'admin', who: 'admin', path: `/api/admin/usage?${csv}` });
  pages.push({ group: 'CSV, 1000 rows', name: 'user', who: 'user', path: `/api/usage?${csv}` });
  return pages;
}

/// Sums by everything and by all combinations, for three times and three time zones.
export function summaries(facts) {
  const pages = [];
  const zones = { UTC: '', Berlin: '&tz=Europe/Berlin', Kolkata: '&tz=Asia/Kolkata' };
  const add = (who, route, names) => {
    for (const groups of subsets(names)) {
      for (const [time, range] of Object.entries(ranges(facts.now))) {
        for (const [zone, tz] of Object.entries(zones)) {
          if (zone !== 'UTC' && !groups.includes('day') && time !== 'month') continue;
          pages.push({
            group: `${who} summary by ${groups.join(',')}`, name: `${time}, ${zone}`, who,
            path: `${route}?group_by=${groups.join(',')}${range}${tz}`,
          });
        }
      }
    }
  };
  add('admin', '/api/admin/usage/summary', ['day', 'model', 'key', 'provider', 'user']);
  add('user', '/api/usage/summary', ['day', 'model', 'key', 'provider']);
  const { admin, own } = filters(facts);
  for (const [who, route, each] of [['admin', '/api/admin/usage/summary', admin], ['user', '/api/usage/summary', own]]) {
    for (const [name, filter] of Object.entries(each)) {
      for (const by of ['day', 'model']) {
        pages.push({
          group: `${who} summary by ${by}, filtered`, name, who,
          path: `${route}?group_by=${by}&${filter}&tz=Europe/Berlin`,
        });
      }
    }
  }
  for (const by of ['', '&group_by=day', '&group_by=user', '&group_by=model,day']) {
    pages.push({ group: 'margin', name: by || 'model,provider', who: 'admin', path: `/api/admin/reports/margin?${by.slice(1)}` });
  }
  return pages;
}

/// The rest.
export function otherPages(facts) {
  const pages = [];
  const add = (group, name, who, path, more = {}) => pages.push({ group, name, who, path, ...more });
  for (const [name, id] of Object.entries({ ...facts.cursors, last: facts.newest })) {
    add('one request', name, 'admin', `/api/admin/usage/${id}`);
  }
  add('one request', 'own', 'user', `/api/usage/${facts.ownRow}`);
  add('one request', 'another\'s', 'user', `/api/usage/${facts.lightRow}`);
  for (const [name, cursor] of Object.entries({ first: '', middle: facts.middleEntry, end: 60 })) {
    add('wallet transactions', name, 'user', `/api/wallet/transactions?limit=50&cursor=${cursor}`);
    add('wallet transactions', `admin, ${name}`, 'admin', `/api/admin/users/${facts.heavy}/wallet/transactions?cursor=${cursor}`);
    add('audit', name, 'admin', `/api/admin/audit?cursor=${name === 'middle' ? facts.middleAudit : cursor}`);
  }
  for (const filter of ['actor=admin', 'actor=nobody', 'subject=77', 'subject=none', 'actor=admin&subject=77',
    `from=${date(facts.now - 300 * kDay)}&to=${date(facts.now - 299 * kDay)}`,
    `from=${date(facts.now - 30 * kDay)}&to=${date(facts.now - 29 * kDay)}&actor=nobody`]) {
    add('audit', filter, 'admin', `/api/admin/audit?${filter}`);
  }
  for (const cursor of ['', 50_000, 99_990]) {
    add('keys', `all after ${cursor || 0}`, 'admin', `/api/admin/keys?cursor=${cursor}`);
  }
  add('keys', 'own', 'user', '/api/keys');
  add('keys', 'of a user', 'admin', `/api/admin/keys?user=${facts.light}`);
  for (const query of ['', 'cursor=5000', 'cursor=9990', 'name=user0', 'name=user09', 'name=zzz', 'name=heavy', 'name=user0&cursor=9000', 'limit=1000']) {
    add('users', query || 'first', 'admin', `/api/admin/users?${query}`);
  }
  add('wallet', 'own', 'user', '/api/wallet');
  add('wallet', 'of a user', 'admin', `/api/admin/users/${facts.light}/wallet`);
  add('me', 'own', 'user', '/api/me');
  add('prices', 'in force', 'admin', '/api/admin/models');
  add('prices', 'all versions', 'admin', '/api/admin/models?versions=all');
  add('codes', 'all', 'admin', '/api/admin/codes');
  const prices = [{ model: 'gpt-4o', input: '2', output: '8' }];
  const preview = (name, body) => add('price preview', name, 'admin', '/api/admin/models/preview', { body: { prices, ...body } });
  preview('a week', {});
  preview('a month', { from: date(facts.now - 30 * kDay) });
  preview('an old week', { from: date(facts.now - 300 * kDay), to: date(facts.now - 293 * kDay) });
  preview('all', { from: date(facts.now - 500 * kDay) });
  return pages;
}
