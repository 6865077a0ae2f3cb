import Glibc

extension Command {
    /// Runs it, and counts how often it asks for memory, on all its threads together.
    ///
    /// - Parameter counter: The path of `libAllocationCounter.so`.
    /// - Throws: ``CommandError``.
    package func countingAllocations(by counter: String) async throws -> (outcome: Outcome, count: Int) {
        let directory = try TemporaryDirectory()
        var command = self
        command.environment["LD_PRELOAD"] = counter
        command.environment["ALLOCATION_COUNT_FILE"] = "\(directory.path)/count"
        let outcome = try await command.run()
        let bytes = directory.bytes(of: "count")
        guard bytes.count == MemoryLayout<UInt64>.size else { throw CommandError.system(counter, ENOENT) }
        return (outcome, Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }))
    }
}
