// A server that asks its clients for certificates: node server.js [PORT [PORT]]
// At the first port, 8443 unless given, it demands them; at the second it only asks.
'use strict';
const fs = require('fs');
const https = require('https');

const options = {
  key: fs.readFileSync('pki/server-key.pem'),
  cert: fs.readFileSync('pki/server.pem'),
  ca: fs.readFileSync('pki/ca.pem'),
  requestCert: true,
};

function answer(request, response) {
  if (request.method === 'POST') return request.pipe(response);
  const subject = request.socket.getPeerCertificate().subject;
  const word = request.socket.authorized ? 'Hello' : 'Who is this';
  response.end(`${word}, ${subject ? subject.CN : 'nobody'}`);
}

const [strict = 8443, lenient] = process.argv.slice(2).map(Number);
https.createServer({ ...options, rejectUnauthorized: true }, answer).listen(strict, '127.0.0.1');
if (lenient) https.createServer({ ...options, rejectUnauthorized: false }, answer).listen(lenient, '127.0.0.1');
