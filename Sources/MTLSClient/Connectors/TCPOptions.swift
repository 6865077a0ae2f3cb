public import MTLSCore

/// How TCP connections are made and kept.
public struct TCPOptions: Sendable, Hashable {
    /// What the kernel sends over idle connections, to notice that the other side is gone and to keep the state of
    /// firewalls between.
    public struct KeepAlive: Sendable, Hashable {
        /// How long nothing is sent before the first probe; whole seconds, at least one.
        public var idle: Duration
        /// The time between two probes; whole seconds, at least one.
        public var interval: Duration
        /// How many probes in a row may stay unanswered; nil for the system's number.
        public var count: Int?

        /// Sets the times.
        public init(idle: Duration = .seconds(60), interval: Duration = .seconds(60), count: Int? = nil) {
            self.idle = idle
            self.interval = interval
            self.count = count
        }
    }

    /// The local addresses that connections may come from: of each family, the first one. A remote address of a family
    /// that is not among them is not tried. Empty leaves the choice to the system.
    public var localAddresses: [IPAddress]
    /// The kernel's probes; nil for none.
    public var keepAlive: KeepAlive?

    /// Sets the options.
    public init(localAddresses: [IPAddress] = [], keepAlive: KeepAlive? = KeepAlive()) {
        self.localAddresses = localAddresses
        self.keepAlive = keepAlive
    }

    /// The address that a connection to `remote` comes from; nil for one of the system's choice.
    func localAddress(for remote: IPAddress) -> IPAddress? { localAddresses.first { $0.isIPv6 == remote.isIPv6 } }

    func permits(_ remote: IPAddress) -> Bool { localAddresses.isEmpty || localAddress(for: remote) != nil }
}
