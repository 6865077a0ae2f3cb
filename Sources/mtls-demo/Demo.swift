import DevPKI
import Glibc
import GnuTLS
import HTTPTypes
import MTLSClient
import MTLSTestKit

/// The package's main job, shown: two mTLS requests over one connection, with a key that cannot leave its token.
@main
enum Demo {
    static func main() async {
        SoftHSMToken.removeAllOnSignals()
        do {
            try await run()
        } catch {
            let note = Array("mtls-demo: \(error)\n".utf8)
            write(STDERR_FILENO, note, note.count)
            SoftHSMToken.removeAll()
            exit(1)
        }
        SoftHSMToken.removeAll()
    }

    private static func run() async throws {
        let authority = try CertificateAuthority(commonName: "Demo Root")

        title("A SoftHSM token with a key that was generated inside it")
        let (token, provisioning) = try await timed {
            try await SoftHSMToken(issuedBy: authority, commonName: "demo-client")
        }
        let key = try await token.describeKey(object: "client")
        row("token", token.uri)
        row("key and certificate", token.uri(object: "client"))
        row("made in the token", yesNo(key.isLocal))
        row("sensitive", yesNo(key.isSensitive))
        row("can be extracted", yesNo(key.isExtractable))
        row("ever could be", yesNo(key.wasNeverExtractable.map { !$0 }))
        row(
            "its value, asked for",
            key.revealsItsValue ? "SHOWN: this token does not protect keys" : "refused by the token")
        row("took", "\(provisioning.milliseconds), of which most goes into making tokens")
        guard key.isLocal == true, key.wasNeverExtractable == true, !key.revealsItsValue else {
            throw DemoFailure("the token does not protect the key")
        }

        title("A server that demands a client certificate")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["localhost", "127.0.0.1"])), clients: .required,
            trusting: [authority.root]
        ) { request in
            .response(body: "hello, \(request.client.certificate?.subject ?? "nobody")\n")
        }
        row("url", server.url)

        title("Two requests with the token's key")
        try await withClient(server.url, identity: token.identity, trust: .certificates([authority.root])) { client in
            for number in 1...2 {
                let (response, time) = try await timed { try await client.get("/request/\(number)") }
                let text = try await response.body.text(upTo: .kibibytes(1))
                show(response, text, number, time)
                guard response.status == .ok, response.connection.requestCount == number else {
                    throw DemoFailure("request \(number) did not go as it should")
                }
            }
        }

        title("What the server saw")
        for request in server.requests {
            row(
                request.path,
                "\(request.client.certificate?.subject ?? "nobody"), authorized: \(yesNo(request.client.authorized)), "
                    + "\(request.client.version.rawValue), connection \(request.connection), request \(request.number) on it"
            )
        }
        row("connections", "\(server.connectionCount)")
        await server.shutdown()
        guard server.requests.allSatisfy(\.client.authorized), server.connectionCount == 1 else {
            throw DemoFailure("the server saw something else")
        }
        print(
            "\nThe client only ever held a handle of the key: it was made in the token, cannot leave it, and is in no file."
        )
    }

    private static func show(_ response: Response, _ text: String, _ number: Int, _ time: Duration) {
        row("request \(number)", "\(response.status.code) \(text.filter { $0 != "\n" })")
        guard let handshake = response.connection.handshake else { return }
        if number == 1 {
            row("  TLS", "\(handshake.version.rawValue), \(handshake.cipherSuite)")
            row("  client certificate", handshake.clientCertificate?.subject ?? "none")
            row(
                "  handshake",
                "\(handshake.duration.milliseconds), the signature in the token \(handshake.signatureDuration.milliseconds)"
            )
        } else {
            row("  connection", response.connection.requestCount > 1 ? "reused: no handshake, no signature" : "new")
        }
        row("  took", time.milliseconds)
    }

    private static func timed<Value>(_ body: () async throws -> Value) async throws -> (Value, Duration) {
        let start = ContinuousClock.now
        let value = try await body()
        return (value, .now - start)
    }

    private static func title(_ text: String) { print("\n\(text)") }

    private static func row(_ name: String, _ value: String) {
        print("  \(name)\(String(repeating: " ", count: max(1, 24 - name.count)))\(value)")
    }

    private static func yesNo(_ value: Bool?) -> String { value.map { $0 ? "yes" : "no" } ?? "not said" }
}

private struct DemoFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension Duration {
    fileprivate var milliseconds: String {
        let micro = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        return "\(micro / 1000).\((micro % 1000) / 100) ms"
    }
}
