import CountingModuleSupport
import MTLSTestKit
import PKCS11
import Testing

extension TokenWorld {
    /// Lets one call at a time into the token, and gives it up for stuck as soon as nobody wants its answer any more.
    func limitTokenToOneThread() async throws {
        try await countedToken(sessionLimit: 1).lane.setPatience(.zero)
    }

    /// Leaves the session that keeps the login.
    func closeIdleSessions() async throws {
        let token = try await countedToken(sessionLimit: nil)
        try await token.lane.run { () throws(PKCS11Error) in token.closeSessions(idleFor: .zero) }
    }

    private func countedToken(sessionLimit: Int?) async throws -> Token {
        let (path, uri) = (counting.path, try PKCS11URI(token.uri))
        return try await Token.searchLane.run { () throws(PKCS11Error) in
            try Token.find(uri, in: try PKCS11Module.load(path: path), sessionLimit: sessionLimit)
        }
    }

    /// The slot of a token in SoftHSM.
    static func slot(of token: SoftHSMToken) async throws -> UInt {
        let (path, label) = (token.modulePath, token.label)
        let tokens = try await Token.searchLane.run { () throws(PKCS11Error) in
            try PKCS11Module.load(path: path).tokens()
        }
        return try #require(tokens.first { $0.token.label.description == label }?.slot.id)
    }
}
