import GnuTLS
import MTLSCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GnuTLSNIO

/// A client whose key signs on a lane, and a server whose flights are in the hands of the test before they arrive.
///
/// The server's side runs honestly, so that what is forged begins as something that a client accepts.
final class Attack {
    let lane = ManualLane()
    let signer: TestSigner
    let pair: BackToBack
    let secrets: WriteSecrets
    private(set) var clientHello = Message(type: 0, body: [])

    init(
        _ version: TLSVersion, demand: ClientCertificateDemand = .required,
        clientVersions: ClosedRange<TLSVersion>? = nil, protocols: [String] = [], timeout: Duration? = nil
    ) throws {
        let world = try World.shared()
        signer = TestSigner(world.clientKey, on: lane)
        var setup = Setup(version: version, demand: demand, clientKey: try world.external(signer))
        setup.clientVersions = clientVersions
        setup.clientProtocols = protocols
        setup.serverProtocols = protocols
        setup.handshakeTimeout = timeout
        // Every string is a point for X25519.
        setup.priority = TrafficKeys.priority + ":-GROUP-ALL:+GROUP-SECP256R1:+GROUP-X25519"
        pair = try BackToBack(setup)
        secrets = WriteSecrets(of: try #require(pair.server.handler.session))
    }

    /// After an honest handshake.
    static func connected(_ version: TLSVersion) throws -> (Attack, keys: TrafficKeys) {
        let attack = try Attack(version)
        attack.settle()
        let session = try #require(attack.server.handler.session)
        try #require(attack.client.summary != nil && attack.server.summary != nil)
        let keys =
            version == .v1_3
            ? try TrafficKeys(secret: #require(attack.secrets.application)) : try TrafficKeys(writingAs: session)
        return (attack, keys)
    }

    var client: End { pair.client }
    var server: End { pair.server }

    /// Carries on honestly until nothing moves.
    func settle() {
        repeat { pair.interact() } while lane.run()
    }

    /// The client's hello is answered; the answer is the test's.
    func answer() throws -> [Record] {
        let hello = client.take()
        clientHello = try #require(Message.all(in: Record.all(in: hello)).first)
        server.give(hello)
        return Record.all(in: server.take())
    }

    /// What arrives at the client, and everything that comes of it there.
    func deliver(_ records: [Record]) {
        client.give(records)
        repeat { pair.loop.run() } while lane.run()
        pair.loop.run()
    }

    /// The client has ended the connection with an error, and its key did not sign.
    func expectFailure(signatures: Int = 0, _ about: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
        let error = client.handshakeError as? MTLSError
        #expect(error != nil, "\(about): \(String(describing: client.outcome))", sourceLocation: sourceLocation)
        #expect(!client.channel.isActive, "\(about): the channel is open", sourceLocation: sourceLocation)
        #expect(client.handler.session == nil, "\(about)", sourceLocation: sourceLocation)
        #expect(signer.signatures == signatures, "\(about)", sourceLocation: sourceLocation)
        let strays = client.recorder.events.filter { event in
            switch event {
            case .error, .inactive: false
            default: true
            }
        }
        #expect(strays.isEmpty, "\(about)", sourceLocation: sourceLocation)
        #expect(client.recorder.errors.count == 1, "\(about)", sourceLocation: sourceLocation)
    }
}

/// A way to forge a flight, with its name.
struct Forgery<Flight>: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let edit: @Sendable (inout Flight) throws -> Void

    init(_ name: String, _ edit: @escaping @Sendable (inout Flight) throws -> Void) {
        testDescription = name
        self.edit = edit
    }
}

extension World {
    /// The key of the server's certificate.
    var serverKey: PrivateKey {
        get throws {
            guard case .software(let key) = server.key else { throw Marked(mark: "the server's key is elsewhere") }
            return key
        }
    }
}
