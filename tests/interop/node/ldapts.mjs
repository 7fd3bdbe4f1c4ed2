// A person's life through npm's ldapts. One JSON object comes in as the argument, one goes out on standard output.
import fs from 'node:fs';
import { Attribute, Change, Client, NoSuchObjectError } from 'ldapts';

const task = JSON.parse(process.argv[2]);
const ca = fs.readFileSync(task.ca);
const tlsOptions = { ca, rejectUnauthorized: true, servername: 'localhost' };
const client = new Client({
  url: task.url,
  timeout: 10000,
  connectTimeout: 10000,
  ...(task.transport === 'ldaps' ? { tlsOptions } : {}),
});
const result = {};
try {
  if (task.transport === 'starttls') await client.startTLS(tlsOptions);
  await client.bind(task.name, task.password);

  const name = `uid=vint,${task.corner}`;
  await client.add(name, { objectClass: ['inetOrgPerson'], uid: 'vint', cn: 'Vint Cerf', sn: 'Cerf' });
  await client.modify(name, [
    new Change({ operation: 'add', modification: new Attribute({ type: 'mail', values: ['vint@example.com'] }) }),
    new Change({ operation: 'replace', modification: new Attribute({ type: 'cn', values: ['Vinton Gray Cerf'] }) }),
  ]);
  const found = await client.search(task.corner, { scope: 'sub', filter: '(&(sn=cerf)(mail=vint@*))' });
  result.found = found.searchEntries.map(({ cn, mail }) => ({ cn, mail }));
  result.compared = [await client.compare(name, 'sn', 'CERF'), await client.compare(name, 'sn', 'Kahn')];
  const paged = await client.search(task.corner, { scope: 'sub', filter: '(objectClass=*)', paged: { pageSize: 2 } });
  result.paged = paged.searchEntries.length;
  await client.modifyDN(name, `uid=vgc,${task.corner}`);
  await client.del(`uid=vgc,${task.corner}`);
  try {
    await client.del(`uid=vgc,${task.corner}`);
  } catch (error) {
    result.gone = error instanceof NoSuchObjectError;
  }
  result.whoami = (await client.exop('1.3.6.1.4.1.4203.1.11.3')).value;
} finally {
  await client.unbind();
}
console.log(JSON.stringify(result));
