import CGnuTLS
import Testing

@testable import GnuTLS

/// Which keys a hello comes with, and what becomes of servers that want another.
struct KeyShareTests {
    private let world: SessionWorld

    init() throws { world = try SessionWorld.with(.ecdsaP256) }

    private func pair(server priority: String?, expecting group: String? = nil) throws -> SessionPair {
        let client = try TLSContext(
            role: .client, options: TLSOptions(minimumVersion: .v1_3), group: group)
        let server = try TLSContext(role: .server, options: TLSOptions(minimumVersion: .v1_3, priority: priority))
        return SessionPair(
            client: try Side(client, serverName: "localhost") { _ in nil },
            server: try Side(server) { [world] _ in world.server })
    }

    /// The groups of the key shares in the last hello (RFC 8446 §4.2.8).
    private func shares(_ pair: SessionPair) -> [UInt16] {
        guard let body = pair.client.session.hello?.items.first(where: { $0.type == 51 })?.body else { return [] }
        var rest = body.dropFirst(2)
        var groups: [UInt16] = []
        while rest.count >= 4 {
            let bytes = Array(rest.prefix(4))
            groups.append(UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
            rest = rest.dropFirst(4 + Int(bytes[2]) << 8 + Int(bytes[3]))
        }
        return groups
    }

    @Test func aHelloComesWithOneKeyForX25519() throws {
        let pair = try pair(server: nil)
        pair.client.step()
        #expect(shares(pair) == [29])
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.session.group == "X25519")
    }

    @Test func aServerWithoutX25519AsksForAnotherKey() throws {
        let pair = try pair(server: "-GROUP-ALL:+GROUP-SECP256R1")
        for side in [pair.client, pair.server, pair.client] {
            side.step()
            pair.exchange()
        }
        #expect(shares(pair) == [23])
        pair.server.step()
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.session.group == "SECP256R1")
    }

    @Test func aServerWhoseGroupIsKnownIsOfferedAKeyForIt() throws {
        let pair = try pair(server: "-GROUP-ALL:+GROUP-SECP256R1", expecting: "SECP256R1")
        pair.client.step()
        #expect(shares(pair) == [23])
        pair.shake()
        #expect(pair.client.isDone && pair.server.isDone)
        #expect(pair.client.session.group == "SECP256R1")
    }

    @Test func noGroupIsAddedOrLost() throws {
        let string = TLSOptions().priorityString
        let (plain, _) = try KeyShares.priority(string) { _ in nil }
        defer { gnutls_priority_deinit(plain) }
        let (ordered, isOrdered) = try KeyShares.priority(string) { TLSOptions().groupOrder($0, expecting: nil) }
        defer { gnutls_priority_deinit(ordered) }
        #expect(isOrdered)
        #expect(KeyShares.groups(of: ordered).first == "X25519")
        #expect(Set(KeyShares.groups(of: ordered)) == Set(KeyShares.groups(of: plain)))
    }

    @Test func anOrderThatWasChosenStays() {
        let options = TLSOptions(priority: "-GROUP-ALL:+GROUP-SECP384R1")
        #expect(options.groupOrder(["SECP384R1"], expecting: nil) == nil)
        // A policy that begins with another group than GnuTLS does, or does without X25519.
        #expect(TLSOptions().groupOrder(["SECP384R1", "X25519"], expecting: nil) == nil)
        #expect(TLSOptions().groupOrder(["SECP256R1", "SECP384R1"], expecting: nil) == nil)
        #expect(
            TLSOptions().groupOrder(["SECP256R1", "X25519"], expecting: "FFDHE2048") == ["X25519", "SECP256R1"])
    }
}
