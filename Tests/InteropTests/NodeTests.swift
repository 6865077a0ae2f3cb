import CommandSupport
import DevPKI
import GnuTLS
import MTLSClient
import Testing

/// The Node servers of this process: one that insists on good certificates, and one that only asks for them.
final class Node: Sendable {
    private static let shared = Task { try await Node() }

    static func running() async throws -> Node { try await shared.value }
    static var isInstalled: Bool { Executable.find("node") != nil }

    let authority: CertificateAuthority
    private let strict: LoopbackPort
    private let lenient: LoopbackPort
    private let process: ServerProcess

    private init() async throws {
        authority = try await Parties.ready().authority
        let directory = try TemporaryDirectory()
        _ = try authority.issue(.server(names: ["127.0.0.1"])).write(to: directory.path, name: "server")
        try authority.writeRoot(to: directory.path)
        let script = try directory.write(Self.script, to: "server.js")
        strict = try LoopbackPort()
        lenient = try LoopbackPort()
        process = try ServerProcess(
            Executable.path(of: "node"), [script, "\(strict.number)", "\(lenient.number)"], in: directory)
        for port in [strict, lenient] { try await process.waitUntilListening(on: port) }
    }

    func client(_ identity: Identity?, lenient isLenient: Bool = false, tls: TLSSettings = TLSSettings()) throws
        -> Client
    {
        try Client(
            "https://127.0.0.1:\((isLenient ? lenient : strict).number)", identity: identity,
            trust: .certificates([authority.root]), tls: tls)
    }

    private static let script = #"""
        'use strict';
        const https = require('https'), fs = require('fs'), crypto = require('crypto');
        const file = name => fs.readFileSync(`${__dirname}/${name}`);
        const routes = {
            '/who': (request, response) => {
                const socket = request.socket;
                const name = (socket.getPeerCertificate().subject || {}).CN || 'nobody';
                response.end(`${socket.authorized} ${name} ${socket.getProtocol()} ${socket.authorizationError}\n`);
            },
            '/digest': (request, response) => {
                const hash = crypto.createHash('sha256');
                let length = 0;
                request.on('data', bytes => { hash.update(bytes); length += bytes.length; });
                request.on('end', () => response.end(`${length} ${hash.digest('hex')}`));
            },
            '/echo': (request, response) => request.pipe(response),
            '/hints': (request, response) => {
                response.writeProcessing();
                response.writeEarlyHints({ link: '</style.css>; rel=preload' });
                response.end('after the hints');
            },
            '/trailers': (request, response) => {
                response.writeHead(200, { trailer: 'x-sum' });
                response.write('one, ');
                response.write('two');
                response.addTrailers({ 'x-sum': '3' });
                response.end();
            },
            '/cut': (request, response) => {
                response.writeHead(200, { 'content-length': 100 });
                response.write('not a hundred bytes', () => request.socket.destroy());
            },
        };
        for (const [port, strict] of [[process.argv[2], true], [process.argv[3], false]]) {
            const options = {
                key: file('server-key.pem'), cert: file('server.pem'), ca: file('ca.pem'),
                requestCert: true, rejectUnauthorized: strict,
            };
            https.createServer(options, (request, response) => routes[request.url](request, response))
                .listen(Number(port), '127.0.0.1');
        }
        """#
}

@Suite(.enabled(if: Node.isInstalled, "Node is not installed")) struct NodeTests {
    @Test(arguments: IdentityCase.all)
    func anIdentityIsAuthorized(_ one: IdentityCase) async throws {
        let node = try await Node.running()
        try await one.withIdentity { identity in
            let client = try node.client(identity, tls: .only(one.version))
            #expect(
                try await client.get("/who").text() == "true \(one.commonName) \(one.version.openSSLName) null\n")
            await client.shutdown()
        }
    }

    @Test func aServerThatOnlyAsksServesStrangersAndNobodies() async throws {
        let node = try await Node.running()
        let client = try node.client(Parties.stranger().identity(), lenient: true)
        let text = try await client.get("/who").text()
        #expect(text.hasPrefix("false mallory TLSv1.3 "))
        #expect(text.contains("UNABLE_TO_VERIFY_LEAF_SIGNATURE"))
        let nobody = try node.client(nil, lenient: true)
        #expect(try await nobody.get("/who").text().hasPrefix("false nobody TLSv1.3 "))
        for client in [client, nobody] { await client.shutdown() }
    }

    /// Node closes the connection without an alert: under TLS 1.2 before the handshake is over on our side.
    @Test(arguments: [(TLSVersion.v1_2, MTLSError.Code.handshakeFailed), (.v1_3, .responseEmpty)])
    func aRejectionWithoutAWordIsAFailure(version: TLSVersion, code: MTLSError.Code) async throws {
        let node = try await Node.running()
        let client = try node.client(Parties.stranger().identity(), tls: .only(version))
        let error = try await failure { try await client.get("/who") }
        #expect(error.code == code)
        #expect(error.message.contains("127.0.0.1"))
        #expect(error.advice?.contains("CN=mallory") == true)
        await client.shutdown()
    }

    @Test func anUploadArrivesUnchanged() async throws {
        let node = try await Node.running()
        let client = try node.client(node.authority.issueClient(commonName: "alice").identity())
        let sent = Noise.bytes(5 << 20)
        var digest = Command(try Executable.path(of: "sha256sum"))
        digest.standardInput = sent
        let expected = try await digest.run().output.prefix(64)
        #expect(try await client.post("/digest", body: .bytes(sent)).text() == "\(sent.count) \(expected)")
        await client.shutdown()
    }

    @Test func anUploadThatIsAnsweredMeanwhileComesBackWhole() async throws {
        let node = try await Node.running()
        let client = try node.client(node.authority.issueClient(commonName: "alice").identity())
        let sent = Noise.bytes(5 << 20)
        let received = try await client.post("/echo", body: .bytes(sent)).body.collect(upTo: .mebibytes(5))
        #expect(same(received, sent[...]))
        await client.shutdown()
    }

    @Test func interimResponsesArePassedOver() async throws {
        let node = try await Node.running()
        let client = try node.client(node.authority.issueClient(commonName: "alice").identity())
        let response = try await client.get("/hints")
        #expect(response.status == .ok)
        #expect(try await response.text() == "after the hints")
        #expect(try await client.get("/who").connection.requestCount == 2)
        await client.shutdown()
    }

    @Test func trailersDoNotSpoilTheConnection() async throws {
        let node = try await Node.running()
        let client = try node.client(node.authority.issueClient(commonName: "alice").identity())
        #expect(try await client.get("/trailers").text() == "one, two")
        #expect(try await client.get("/who").connection.requestCount == 2)
        await client.shutdown()
    }

    @Test func aBodyCutShortIsAnError() async throws {
        let node = try await Node.running()
        let client = try node.client(node.authority.issueClient(commonName: "alice").identity())
        let error = try await failure { try await client.get("/cut").text() }
        #expect(error.code == .responseTruncated)
        #expect(error.message.contains("127.0.0.1"))
        await client.shutdown()
    }
}
