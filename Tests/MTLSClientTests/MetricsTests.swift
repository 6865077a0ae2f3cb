import CoreMetrics
import DevPKI
import MTLSClient
import MTLSTestKit
import Synchronization
import Testing

/// Keeps what is recorded, by label and dimensions.
private final class Ledger: MetricsFactory {
    final class Account: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
        private let state = Mutex((count: 0, value: 0.0))
        /// How often something was recorded, and the sum.
        var count: Int { state.withLock { $0.count } }
        var value: Double { state.withLock { $0.value } }

        private func add(_ amount: Double) { state.withLock { $0 = ($0.count + 1, $0.value + amount) } }

        func increment(by amount: Int64) { add(Double(amount)) }
        func increment(by amount: Double) { add(amount) }
        func decrement(by amount: Double) { add(-amount) }
        func reset() {}
        func set(_ value: Int64) {}
        func set(_ value: Double) {}
        func record(_ value: Int64) { add(Double(value)) }
        func record(_ value: Double) { add(value) }
        func recordNanoseconds(_ duration: Int64) { add(Double(duration)) }
    }

    private let accounts = Mutex<[String: Account]>([:])
    var names: [String] { accounts.withLock { $0.keys.sorted() } }
    subscript(name: String) -> Account? { accounts.withLock { $0[name] } }

    private func account(_ label: String, _ dimensions: [(String, String)]) -> Account {
        let labels = dimensions.map { "\($0)=\($1)" }.joined(separator: ",")
        let name = labels.isEmpty ? label : "\(label){\(labels)}"
        return accounts.withLock { accounts in
            let account = accounts[name] ?? Account()
            accounts[name] = account
            return account
        }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { account(label, dimensions) }
    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { account(label, dimensions) }
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { account(label, dimensions) }
    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        account(label, dimensions)
    }
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
}

@Suite struct MetricsTests {
    private let ledger = Ledger()

    private var settings: ClientSettings {
        var settings = ClientSettings()
        settings.metrics = ledger
        return settings
    }

    @Test func requestsConnectionsHandshakesAndSignaturesAreCounted() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let client = try Client(
            server.url, identity: try world.identity("alice"), trust: world.trust, settings: settings)
        for _ in 1...3 { _ = try await client.get().body.collect(upTo: .kibibytes(1)) }
        #expect(ledger["http.client.open_connections"]?.value == 1)
        await client.shutdown()
        #expect(ledger["http.client.open_connections"]?.value == 0)
        #expect(ledger["http.client.active_requests"]?.value == 0)
        let requests = ledger["http.client.request.duration{http.request.method=GET,http.response.status_code=200}"]
        #expect(requests?.count == 3)
        #expect(ledger["mtls.client.signatures"]?.value == 1)
        #expect(ledger["mtls.client.handshake.duration{tls.resumed=false}"]?.count == 1)
        #expect(ledger["http.client.connection.duration{mtls.close.reason=shutdown}"]?.count == 1)
    }

    @Test func failuresAreLabelledByTheirCodes() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(
            server.url, trust: .certificates([try World().authority.root]), settings: settings)
        _ = try? await client.get()
        await client.shutdown()
        #expect(ledger["mtls.client.connect.failures{error.type=tls.issuerUnknown}"]?.value == 1)
        #expect(
            ledger["http.client.request.duration{http.request.method=GET,error.type=tls.issuerUnknown}"]?.count == 1)
    }

    @Test func aMethodOfOnesOwnMakesNoLabelOfItsOwn() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        // The server knows no such method.
        _ = try? await client.execute(.init(method: .init("BREW")!, scheme: nil, authority: nil, path: "/"))
        await client.shutdown()
        #expect(ledger.names.contains { $0.contains("http.request.method=_OTHER") })
        #expect(!ledger.names.contains { $0.contains("BREW") })
    }

    @Test func noLabelNamesTheOriginOrThePath() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust, settings: settings)
        _ = try await client.get("/some/path?key=value")
        await client.shutdown()
        for secret in ["127.0.0.1", "path", "\(server.port)"] {
            #expect(!ledger.names.contains { $0.contains(secret) })
        }
    }

    @Test func everyErrorHasAShortDescriptionThatIsItsCode() {
        let error = MTLSError(.pinIncorrect, phase: .identity, fault: .token, "the token “prod” refused the PIN")
        #expect(error.shortDescription == "token.pinIncorrect")
    }
}
