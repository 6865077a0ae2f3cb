import CommandSupport
import Glibc
import MTLSTestKit
import Testing

/// How often memory is asked for, by GnuTLS too: a cost that shows without a clock. The ceilings leave room for other
/// versions of Swift and GnuTLS, and for little else: whoever exceeds one finds out why before it is raised.
///
/// A build for debugging asks more often, since nothing is inlined there: it has ceilings of its own, so that every
/// run of the tests looks.
@Suite(.enabled(if: dlsym(nil, "__asan_init") == nil && dlsym(nil, "__tsan_init") == nil))
struct AllocationTests {
    @Test func aRequestOnAKeptConnectionAllocatesLittle() async throws {
        let files = try await CommandFiles()
        let server = try await files.server { _ in .response(.ok, body: "hello") }
        let each = try await allocations(per: 500, of: files.loadOptions + ["\(server.url)/"])
        #if DEBUG
        #expect(each <= 45)
        #else
        #expect(each <= 15)
        #endif
    }

    @Test(arguments: [["--no-resumption"], []])
    func aHandshakeAllocatesNoMoreThanItDid(resumption: [String]) async throws {
        let files = try await CommandFiles()
        let load = files.loadOptions + ["--new-connections"] + resumption + ["\(files.nginx.url())/text"]
        let each = try await allocations(per: 40, of: load)
        let isFull = !resumption.isEmpty
        #if DEBUG
        #expect(each <= (isFull ? 1600 : 1250))
        #else
        #expect(each <= (isFull ? 800 : 460))
        #endif
    }

    /// What one of `count` requests allocates: the difference between two runs leaves out what a process does once.
    private func allocations(per count: Int, of options: [String]) async throws -> Double {
        let few = try await allocations(ofRequests: count, options)
        let many = try await allocations(ofRequests: count * 2, options)
        return Double(many - few) / Double(count)
    }

    private func allocations(ofRequests count: Int, _ options: [String]) async throws -> Int {
        let command = MTLSCommand.command(["bench", "--requests", "\(count)"] + options)
        let (outcome, count) = try await command.countingAllocations(
            by: "\(MTLSCommand.directory)/libAllocationCounter.so")
        try #require(outcome.status == 0, "\(outcome.errors)")
        return count
    }
}

extension CommandFiles {
    /// Options for a load of one request at a time.
    fileprivate var loadOptions: [String] {
        ["--executor", "loop", "--cacert", root, "--cert", client.certificate, "--key", client.key]
    }
}
