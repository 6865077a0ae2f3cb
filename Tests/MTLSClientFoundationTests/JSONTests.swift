import DevPKI
import MTLSClient
import MTLSClientFoundation
import MTLSTestKit
import Testing

@Suite struct JSONTests {
    private struct Order: Codable, Equatable {
        var number: Int
        var goods: [String]
    }

    private func withEcho(_ body: (Client) async throws -> Void) async throws {
        let authority = try CertificateAuthority(commonName: "Test Root")
        let server = try await MTLSServer(
            identity: authority.issue(.server(names: ["127.0.0.1"])), clients: .ignored
        ) { .response(bytes: Array($0.body)) }
        try await withClient(server.url, trust: .certificates([authority.root])) { client in try await body(client) }
    }

    @Test func aValueGoesThereAndBack() async throws {
        try await withEcho { client in
            let order = Order(number: 7, goods: ["bolts", "nüts"])
            let response = try await client.post("/", body: .json(order))
            let answer: Order = try await response.body.json(upTo: .kibibytes(1))
            #expect(answer == order)
        }
    }

    @Test func aBodyThatIsNoJSONOrTooLargeIsAnError() async throws {
        try await withEcho { client in
            let words = try await client.post("/", body: .text("words"))
            await #expect(throws: DecodingError.self) { try await words.body.json(as: Order.self, upTo: .kibibytes(1)) }
            let long = try await client.post("/", body: .text("[1, 2, 3]"))
            await #expect { try await long.body.json(as: [Int].self, upTo: .bytes(5)) } throws: {
                ($0 as? MTLSError)?.code == .responseTooLarge
            }
        }
    }
}
