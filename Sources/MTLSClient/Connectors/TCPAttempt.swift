import GnuTLSNIO
import MTLSCore
import NIOCore
import NIOPosix

import let Glibc.EADDRNOTAVAIL
import let Glibc.TCP_KEEPCNT
import let Glibc.TCP_KEEPIDLE
import let Glibc.TCP_KEEPINTVL

/// Performs what ``HappyEyeballs`` decides, for one connection. Lives on one event loop.
final class TCPAttempt {
    private let target: Endpoint
    private let options: TCPOptions
    private let loop: any EventLoop
    private let promise: EventLoopPromise<any Channel>

    private var machine = HappyEyeballs([])
    /// Those that are being connected.
    private var channels: [IPAddress: any Channel] = [:]
    private var failures: [(address: IPAddress, error: any Error)] = []
    private var isOver = false
    private var limitTimer: Scheduled<Void>?
    private var nextTimer: Scheduled<Void>?

    init(
        _ target: Endpoint, options: TCPOptions, loop: any EventLoop, promise: EventLoopPromise<any Channel>
    ) {
        self.target = target
        self.options = options
        self.loop = loop
        self.promise = promise
    }

    /// - Parameters:
    ///   - limit: The time for all of it; nil for no limit.
    ///   - start: When it began to run: the name's resolution counts.
    func start(_ addresses: [IPAddress], limit: Duration?, since start: Deadline) {
        guard !isOver else { return }
        let permitted = addresses.filter(options.permits)
        guard !permitted.isEmpty else { return end(.failure(wrongFamilyError(addresses))) }
        limitTimer = limit.map { limit in
            loop.assumeIsolated().scheduleTask(deadline: (start + limit).forLoop) { [self] in
                end(.failure(timeoutError(limit)))
            }
        }
        machine = HappyEyeballs(permitted)
        perform(machine.start(now: .now))
    }

    func cancel() {
        end(
            .failure(
                MTLSError(.cancelled, phase: .connect, fault: .caller, "the attempt to connect was cancelled")))
    }

    private func perform(_ action: HappyEyeballs.Action) {
        nextTimer?.cancel()
        nextTimer = action.timer.map { time in
            loop.assumeIsolated().scheduleTask(deadline: time.forLoop) { [self] in perform(machine.timer(now: .now)) }
        }
        for address in action.connect { connect(address) }
        switch action.outcome {
        case .connected(let address)?:
            guard let channel = channels.removeValue(forKey: address) else { return }
            end(.success(channel))
        case .failed?: end(.failure(failedError))
        case nil: break
        }
    }

    private func connect(_ address: IPAddress) {
        let this = NIOLoopBound(self, eventLoop: loop)
        bootstrap(for: address)
            // The channel is known while it connects, so that it can be closed then.
            .channelInitializer { channel in
                this.value.channels[address] = channel
                do {
                    try this.value.setOptions(of: channel)
                    return channel.eventLoop.makeSucceededVoidFuture()
                } catch {
                    return channel.eventLoop.makeFailedFuture(error)
                }
            }
            .connect(to: SocketAddress(address, port: target.port)).assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let channel):
                    guard !isOver else { return channel.close(promise: nil) }
                    channels[address] = channel
                    perform(machine.connected(address))
                case .failure(let error):
                    channels[address] = nil
                    guard !isOver else { return }
                    failures.append((address, error))
                    perform(machine.failed(address, now: .now))
                }
            }
    }

    /// NIO sets TCP_NODELAY.
    private func bootstrap(for address: IPAddress) -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(.hours(24 * 365))
        guard let local = options.localAddress(for: address) else { return bootstrap }
        return bootstrap.bind(to: SocketAddress(local, port: 0))
    }

    /// At once, which costs less than to have the bootstrap set them one after another.
    private func setOptions(of channel: any Channel) throws {
        guard let channel = channel.syncOptions else { throw ChannelError.operationUnsupported }
        try channel.setOption(.autoRead, value: false)
        try channel.setOption(.recvAllocator, value: ReadSize.allocator)
        try channel.setOption(.maxMessagesPerRead, value: ReadSize.readsAtOnce)
        guard let keepAlive = options.keepAlive else { return }
        func set(_ name: Int32, _ value: Int) throws {
            let option = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: name))
            try channel.setOption(option, value: SocketOptionValue(value))
        }
        func seconds(_ duration: Duration) -> Int { Int(min(max(1, duration.components.seconds), 32767)) }
        try channel.setOption(.socketOption(.so_keepalive), value: 1)
        try set(TCP_KEEPIDLE, seconds(keepAlive.idle))
        try set(TCP_KEEPINTVL, seconds(keepAlive.interval))
        if let count = keepAlive.count { try set(TCP_KEEPCNT, min(max(1, count), 127)) }
    }

    private func end(_ result: Result<any Channel, MTLSError>) {
        guard !isOver else { return }
        isOver = true
        limitTimer?.cancel()
        nextTimer?.cancel()
        (limitTimer, nextTimer) = (nil, nil)
        let abandoned = channels.values
        channels = [:]
        for channel in abandoned { channel.close(promise: nil) }
        promise.completeWith(result.mapError { $0 })
    }

    // MARK: Errors

    private var reasons: String {
        failures.map { "\(Endpoint($0.address.description, target.port)): \(reason($0.error))" }.joined(separator: "; ")
    }

    private var failedError: MTLSError {
        let isLocal = failures.contains { ($0.error as? IOError)?.errnoCode == EADDRNOTAVAIL }
        if isLocal, !options.localAddresses.isEmpty {
            let locals = options.localAddresses.map(\.description).joined(separator: ", ")
            return MTLSError(
                .localAddressUnavailable, phase: .connect, fault: .caller,
                "no connection can come from the local address \(locals): \(reasons)",
                advice: "give an address of this machine", underlying: failures.last?.error)
        }
        return MTLSError(
            .connectFailed, phase: .connect, fault: .network, "no connection to \(target) could be made: \(reasons)",
            underlying: failures.last?.error)
    }

    private func wrongFamilyError(_ addresses: [IPAddress]) -> MTLSError {
        let family = addresses.contains(where: \.isIPv6) ? "IPv6" : "IPv4"
        return MTLSError(
            .localAddressUnavailable, phase: .connect, fault: .caller,
            "\(target) has \(family) addresses only, and no local address of that family was given")
    }

    private func timeoutError(_ limit: Duration) -> MTLSError {
        let last = failures.isEmpty ? "" : "; failed so far: \(reasons)"
        return MTLSError(
            .timeoutConnect, phase: .connect, fault: .network,
            "\(target) accepted no connection within \(limit.forPeople)\(last)",
            advice: "see whether the host and port are right and no firewall is in the way, or raise Timeouts.connect",
            underlying: failures.last?.error)
    }
}

@available(*, unavailable)
extension TCPAttempt: Sendable {}

extension SocketAddress {
    /// An address and a port.
    fileprivate init(_ address: IPAddress, port: Int) {
        do {
            self = try SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: port)
        } catch {
            fatalError("an IPAddress has four or sixteen bytes")  // safe: its initialisers permit nothing else
        }
    }
}
