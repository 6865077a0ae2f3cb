import Glibc
public import MTLSCore
import MTLSIdentity
import NIOCore

/// Finds the addresses of hosts.
///
/// Hosts that are addresses themselves are not asked for. One that answers late holds nobody up: the attempt ends at its
/// time limit, or when it is cancelled.
public protocol Resolver: Sendable {
    /// The addresses of `endpoint.host`, the preferred one first (RFC 6724). The port is there for rules that go by it.
    ///
    /// - Throws: Best an ``MTLSError`` with the code ``MTLSError/Code/resolveFailed``. An empty list means the same.
    func addresses(of endpoint: Endpoint) async throws -> [IPAddress]
}

/// Asks the system: `/etc/hosts`, DNS, and whatever `nsswitch.conf` names, in the order that `gai.conf` prefers.
///
/// The call, `getaddrinfo(3)`, blocks a thread of its own, and cannot be cancelled: a name service that does not answer
/// keeps that thread for as long as the system's resolver is patient.
public struct SystemResolver: Resolver {
    /// Makes a resolver.
    public init() {}

    /// Asks the system.
    ///
    /// - Throws: ``MTLSError`` with the code ``MTLSError/Code/resolveFailed``.
    public func addresses(of endpoint: Endpoint) async throws -> [IPAddress] {
        let host = endpoint.host
        return try await BlockingWork.run { try Self.resolve(host) }
    }

    private static func resolve(_ host: String) throws(MTLSError) -> [IPAddress] {
        guard !host.utf8.contains(0) else { throw .unresolved(host, "it holds a NUL byte") }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, nil, &hints, &list)
        guard result == 0 else { throw .unresolved(host, String(cString: gai_strerror(result))) }
        let first = list
        defer { freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        while let entry = list {
            if let address = address(entry) { addresses.append(address) }
            list = entry.pointee.ai_next
        }
        return addresses
    }

    private static func address(_ info: UnsafeMutablePointer<addrinfo>) -> IPAddress? {
        guard let pointer = UnsafeRawPointer(info.pointee.ai_addr) else { return nil }
        switch info.pointee.ai_family {
        case AF_INET:
            return withUnsafeBytes(of: pointer.loadUnaligned(as: sockaddr_in.self).sin_addr) { IPAddress(bytes: $0) }
        case AF_INET6:
            return withUnsafeBytes(of: pointer.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { IPAddress(bytes: $0) }
        default: return nil
        }
    }
}

/// Gives some endpoints addresses of one's own choice, and asks another resolver for the rest.
///
/// What a TLS connector verifies, and the `Host` field, stay as they are.
public struct OverridingResolver: Resolver {
    private let overrides: [Endpoint: [IPAddress]]
    private let other: any Resolver

    /// Makes a resolver.
    ///
    /// - Parameters:
    ///   - overrides: By host, in lower case, and port. The host `*` stands for any that has no rule of its own.
    ///   - other: For endpoints without a rule.
    public init(_ overrides: [Endpoint: [IPAddress]], over other: any Resolver = SystemResolver()) {
        self.overrides = overrides
        self.other = other
    }

    /// The addresses of the rule, or those that the other resolver finds.
    public func addresses(of endpoint: Endpoint) async throws -> [IPAddress] {
        let exact = overrides[Endpoint(endpoint.host.lowercased(), endpoint.port)]
        if let addresses = exact ?? overrides[Endpoint("*", endpoint.port)] { return addresses }
        return try await other.addresses(of: endpoint)
    }
}

extension Resolver {
    /// The addresses of a host: itself, or what the resolver says within the limit. A resolver that is deaf to
    /// cancellation is left behind.
    func addresses(of endpoint: Endpoint, within limit: Duration?, on loop: any EventLoop) async throws -> [IPAddress] {
        if let address = IPAddress(endpoint.host) { return [address] }
        let promise = loop.makePromise(of: [IPAddress].self)
        let timer = limit.map { limit in
            loop.scheduleTask(in: TimeAmount(limit)) {
                promise.fail(
                    MTLSError(
                        .timeoutConnect, phase: .resolve, fault: .network,
                        "the host \"\(endpoint.host)\" was not resolved within \(limit.forPeople)",
                        advice: "see whether the network's name service answers, or raise Timeouts.connect"))
            }
        }
        let task = Task {
            do { promise.succeed(try await addresses(of: endpoint)) } catch { promise.fail(error) }
        }
        defer {
            timer?.cancel()
            task.cancel()
        }
        do {
            let addresses = try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                promise.fail(CancellationError())
            }
            guard !addresses.isEmpty else { throw MTLSError.unresolved(endpoint.host, "it has no address") }
            return addresses
        } catch let error where error is MTLSError || error is CancellationError {
            throw error
        } catch {
            throw MTLSError.unresolved(endpoint.host, "\(error)", underlying: error)
        }
    }
}

extension MTLSError {
    static func unresolved(_ host: String, _ reason: String, underlying: (any Error)? = nil) -> MTLSError {
        MTLSError(
            .resolveFailed, phase: .resolve, fault: .network, "the host \"\(host)\" could not be resolved: \(reason)",
            advice: "check its spelling and the network's name service", underlying: underlying)
    }
}
