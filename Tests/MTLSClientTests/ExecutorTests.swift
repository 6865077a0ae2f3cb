import DevPKI
import Glibc
import HTTPTypes
import MTLSClient
import MTLSTestKit
import NIOCore
import NIOPosix
import Testing

@Suite struct ExecutorTests {
    /// Requests made on the client's executor: no task changes its thread, neither to go nor to come back.
    @Test func aRequestFromATaskOnTheClientsExecutorChangesNoThread() async throws {
        let world = try World()
        let server = try await world.server(.required)
        let client = try Client(
            server.url,
            connector: TLSConnector(identity: try world.identity("alice"), trust: world.trust),
            on: MultiThreadedEventLoopGroup.singleton.next())
        let report = try await withTaskExecutorPreference(client.executor) {
            try await Self.requests(client)
        }
        #expect(report.threads.count == 1)
        #expect(report.arrivals == 0)
        await client.shutdown()
    }

    @concurrent
    private static func requests(_ client: Client) async throws -> (threads: Set<UInt>, arrivals: Int) {
        // The first request makes the connection, for which names are resolved on threads of their own.
        _ = try await client.get().body.collect(upTo: .kibibytes(1))
        var threads: Set<UInt> = []
        let arrivals = client.arrivalsFromOtherThreads
        for _ in 1...20 {
            threads.insert(UInt(pthread_self()))
            let response = try await client.get()
            threads.insert(UInt(pthread_self()))
            for try await _ in response.body { threads.insert(UInt(pthread_self())) }
            threads.insert(UInt(pthread_self()))
        }
        return (threads, client.arrivalsFromOtherThreads - arrivals)
    }

    @Test func aBodyIsMadeOnTheClientsExecutorWhereItsSenderRuns() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(
            server.url, connector: TLSConnector(trust: world.trust), on: MultiThreadedEventLoopGroup.singleton.next())
        let (sender, maker) = try await withTaskExecutorPreference(client.executor) { try await Self.upload(client) }
        #expect(sender == maker)
        await client.shutdown()
    }

    @concurrent
    private static func upload(_ client: Client) async throws -> (sender: UInt, maker: UInt) {
        let (threads, continuation) = AsyncStream.makeStream(of: UInt.self)
        let pieces = AsyncStream<[UInt8]> {
            continuation.yield(UInt(pthread_self()))
            continuation.finish()
            return nil
        }
        _ = try await client.execute(
            HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/"), body: .stream(pieces))
        return (UInt(pthread_self()), await threads.first { _ in true } ?? 0)
    }

    @Test func aRequestFromElsewhereWorksAsWell() async throws {
        let world = try World()
        let server = try await world.server(.ignored)
        let client = try Client(server.url, trust: world.trust)
        let before = client.arrivalsFromOtherThreads
        #expect(try await client.get().status == .ok)
        #expect(client.arrivalsFromOtherThreads >= before)
        await client.shutdown()
    }
}
