// A whole session of imapflow; what it saw goes to standard output as JSON.
// Arguments: port, user, password. The INBOX holds five messages.
import { createRequire } from 'node:module';

const { ImapFlow } = createRequire(process.cwd() + '/')('imapflow');
const [port, user, pass] = process.argv.slice(2);
const settings = { host: '127.0.0.1', port: Number(port), secure: false, auth: { user, pass }, logger: false, tls: { rejectUnauthorized: false } };
const seen = {};

const client = new ImapFlow(settings);
await client.connect();
seen.secure = client.secureConnection;
seen.capabilities = [...client.capabilities.keys()];
seen.folders = (await client.list()).map((folder) => [folder.path, folder.specialUse ?? null]);
seen.status = await client.status('INBOX', { messages: true, unseen: true, uidNext: true });

const lock = await client.getMailboxLock('INBOX');
try {
    seen.exists = client.mailbox.exists;
    seen.messages = [];
    for await (const message of client.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, size: true, source: true, threadId: true, headers: ['subject'] })) {
        seen.messages.push({
            uid: message.uid,
            subject: message.envelope.subject,
            from: message.envelope.from[0].address,
            type: message.bodyStructure.type,
            size: message.size,
            emailId: message.emailId ?? null,
            threadId: message.threadId ?? null,
            headers: message.headers.toString('latin1'),
            source: message.source.toString('base64'),
        });
    }
    seen.found = await client.search({ subject: 'three' }, { uid: true });
    seen.flagged = await client.messageFlagsAdd('2', ['\\Flagged', '$Work'], { uid: true });
    seen.moved = [...(await client.messageMove('3', 'Archive', { uid: true })).uidMap];
    seen.copied = [...(await client.messageCopy('4', 'Archive', { uid: true })).uidMap];
    seen.deleted = await client.messageDelete('5', { uid: true });
    const { content } = await client.download('1', undefined, { uid: true });
    const parts = [];
    for await (const part of content) parts.push(part);
    seen.downloaded = Buffer.concat(parts).toString('base64');
} finally {
    lock.release();
}

seen.created = (await client.mailboxCreate(['Work', 'Grüße'])).path;
seen.appended = (await client.append('Work/Grüße', 'Subject: appended\r\n\r\nGrüße\r\n', ['\\Seen'], new Date('2024-07-17T09:44:25Z'))).uid;
seen.renamed = (await client.mailboxRename('Work/Grüße', 'Work/Greetings')).newPath;
seen.quota = await client.getQuota('INBOX');

// What another connection does is heard in IDLE
await client.mailboxOpen('INBOX');
const heard = new Promise((resolve) => client.on('exists', resolve));
const idling = client.idle();
const other = new ImapFlow(settings);
await other.connect();
await other.append('INBOX', 'Subject: meanwhile\r\n\r\nx\r\n');
seen.exists_meanwhile = (await heard).count;
await other.logout();
await client.noop();
await idling;
await client.logout();
console.log(JSON.stringify(seen));
