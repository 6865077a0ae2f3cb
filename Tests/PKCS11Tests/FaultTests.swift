import CP11Kit
import CountingModuleSupport
import PKCS11
import Testing

/// Every function × every return code × the first and later calls: a signature that verifies or one clear error, no
/// second try of a refused PIN, no leaked session, and the next request succeeds.
@Suite struct FaultTests {
    @Test(.timeLimit(.minutes(15)), arguments: FaultTable.rows)
    func eachFaultIsMendedOrIsOneClearError(_ row: FaultTable.Row) async throws {
        let bench = try await FaultBench()
        for cell in row.cells {
            try await FaultRun(cell, bench).execute()
        }
    }
}

/// A token with a key, and one whose key wants the PIN for each signature.
private struct FaultBench: Sendable {
    let test: TestToken
    let slot: UInt

    init() async throws {
        test = try await TestToken()
        try await test.generate(.ecP256)
        try await test.generate(.ecP256, label: "guarded", id: [2], alwaysAuthenticate: true)
        slot = try await test.slot
        // One slot: looking for the token among those of all tests would take most of the time.
        test.counting.insertToken(slot, in: slot)
    }
}

/// One cell of the table.
private struct FaultRun {
    private static let data = [UInt8](repeating: 7, count: 32)

    let cell: FaultTable.Cell
    let bench: FaultBench
    let counting: CountingModule
    private let key: TokenKey?

    init(_ cell: FaultTable.Cell, _ bench: FaultBench) throws {
        self.cell = cell
        self.bench = bench
        if cell.state == .new {
            key = nil
            counting = try CountingModule(inFrontOf: SoftHSM.modulePath)
            counting.insertToken(bench.slot, in: bench.slot)
        } else {
            key = bench.test.key(.id(cell.keyID))
            counting = bench.test.counting
        }
    }

    func execute() async throws {
        counting.reset()
        if [.warm, .lost, .forgotten].contains(cell.state) { _ = try await request() }
        let before = counting.count(of: cell.function)
        counting.fail(cell.function, call: cell.call, times: cell.times, with: cell.code)
        var requests = 0
        repeat {
            requests += 1
            await expectSignatureOrClearError()
        } while counting.count(of: cell.function) - before < cell.call && requests < 8
        #expect(counting.count(of: cell.function) - before >= cell.call, "\(cell): the call was not made")
        if cell.function == "C_Login", FaultTable.pinRefusals.contains(cell.code) {
            // The same PIN is not tried again.
            await #expect(throws: PKCS11Error.self, "\(cell)") { try await request() }
            #expect(counting.count(of: "C_Login") - before == cell.call, "\(cell)")
            bench.test.token.clearLatch()
        }
        counting.fail(cell.function, times: 0, with: CKR_OK)
        do { _ = try await request() } catch { Issue.record("\(cell): the next request fails: \(error)") }
        try await expectNoLeak()
    }

    private func expectSignatureOrClearError() async {
        do {
            switch cell.state {
            case .new, .warm: break
            case .cold, .guarded:
                try await bench.test.token.lane.run { () throws(PKCS11Error) in bench.test.token.closeSessions() }
            case .lost: counting.fail("C_SignInit", with: CKR_DEVICE_REMOVED)
            case .forgotten:
                counting.fail("C_SignInit", with: CKR_CRYPTOKI_NOT_INITIALIZED)
                counting.fail("C_GetSlotList", with: CKR_CRYPTOKI_NOT_INITIALIZED)
            }
            let signature = try await request()
            try await bench.test.verify(signature, of: Self.data, .ecdsa, id: cell.keyID)
        } catch {
            let error = error as? PKCS11Error
            #expect(error?.kind != .internal, "\(cell): \(String(describing: error))")
            #expect(
                expectedTexts.contains { error?.message.contains($0) == true }, "\(cell): \(String(describing: error))")
        }
    }

    /// What an error says: the function and the code, but where the code is no error, and what follows from it is.
    private var expectedTexts: [String] {
        switch cell.code {
        case CKR_USER_ALREADY_LOGGED_IN: ["no private key", "C_Sign: CKR_USER_NOT_LOGGED_IN"]
        case CKR_ATTRIBUTE_SENSITIVE where cell.times > 1, CKR_ATTRIBUTE_TYPE_INVALID where cell.times > 1,
            CKR_BUFFER_TOO_SMALL where cell.function == "C_GetAttributeValue" && cell.times > 1:
            ["does not show the public half", "\(cell.function): \(ReturnCode(rawValue: cell.code))"]
        default: ["\(cell.function): \(ReturnCode(rawValue: cell.code))"]
        }
    }

    private func request() async throws -> [UInt8] {
        if let key {
            // A key that remembers nothing, where the whole way is to be gone.
            let key = [.cold, .guarded].contains(cell.state) ? bench.test.key(.id(cell.keyID)) : key
            return try await key.signature(.ecdsa, Self.data)
        }
        let uri = bench.test.token.uri
        let token = try await Token.searchLane.run { () throws(PKCS11Error) in
            try Token.find(uri, in: try PKCS11Module.load(path: counting.path))
        }
        let canSign = try await token.lane.run { () throws(PKCS11Error) in try token.canSign(.ecdsa) }
        #expect(canSign, "\(cell)")
        return try await TokenKey(token, .id(cell.keyID), pin: KnownPIN(secret(SoftHSM.pin))).signature(
            .ecdsa, Self.data)
    }

    private func expectNoLeak() async throws {
        let token = try await Token.searchLane.run { () throws(PKCS11Error) in
            try Token.find(bench.test.token.uri, in: try PKCS11Module.load(path: counting.path))
        }
        try await token.lane.run { () throws(PKCS11Error) in token.closeSessions() }
        #expect(counting.count(of: "C_CloseSession") == counting.sessionsOpened, "\(cell)")
        // What a fault kept open.
        counting.loseSessions()
    }
}
