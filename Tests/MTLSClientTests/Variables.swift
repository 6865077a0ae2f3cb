import MTLSClient
import Synchronization

/// Where connections go, as a test changes it.
final class Route: Sendable {
    private let value: Mutex<Int>
    init(_ port: Int) { value = Mutex(port) }
    var port: Int {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// The identity of the moment.
final class Current: Sendable {
    private let value: Mutex<Identity?>
    init(_ identity: Identity?) { value = Mutex(identity) }
    var identity: Identity? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

extension Sequence {
    func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
