// A search, a change and a comparison through npm's ldapjs, whose BER is neither ldapts's nor ours.
const fs = require('node:fs');
const { promisify } = require('node:util');
const ldap = require('ldapjs');

const task = JSON.parse(process.argv[2]);
const tlsOptions = { ca: fs.readFileSync(task.ca), servername: 'localhost' };

function search(client, base, options) {
  return new Promise((resolve, reject) => {
    client.search(base, options, (error, response) => {
      if (error) return reject(error);
      const entries = [];
      response.on('searchEntry', (entry) => entries.push(entry.pojo));
      response.on('error', reject);
      response.on('end', () => resolve(entries));
    });
  });
}

async function main() {
  const where = task.transport === 'ldapi' ? { socketPath: task.socket } : { url: task.url };
  const client = ldap.createClient({ ...where, ...(task.transport === 'ldaps' ? { tlsOptions } : {}) });
  client.on('error', (error) => { console.error(error); process.exit(1); });
  await new Promise((resolve) => client.on('connect', resolve));
  const call = (name, ...rest) => promisify(client[name]).call(client, ...rest);
  if (task.transport === 'starttls') await call('starttls', tlsOptions, null);
  await call('bind', task.name, task.password);
  const result = {};
  const entries = await search(client, task.corner, { scope: 'sub', filter: '(|(uid=ada)(cn=pioneers))', attributes: ['cn'] });
  result.found = entries.map((entry) => entry.attributes[0].values[0]).sort();
  const paged = await search(client, task.corner, { scope: 'sub', filter: '(objectClass=*)', paged: { pageSize: 2 } });
  result.paged = paged.length;
  const modification = new ldap.Attribute({ type: 'description', values: ['changed by ldapjs'] });
  await call('modify', `uid=ada,${task.corner}`, new ldap.Change({ operation: 'replace', modification }));
  result.compared = await call('compare', `uid=ada,${task.corner}`, 'description', 'Changed by ldapjs');
  await call('unbind');
  console.log(JSON.stringify(result));
}

main().catch((error) => { console.error(error); process.exit(1); });
