/// A version of TLS.
public enum TLSVersion: String, Sendable, Hashable, Comparable, CaseIterable {
    /// RFC 5246.
    case v1_2 = "TLSv1.2"
    /// RFC 8446.
    case v1_3 = "TLSv1.3"

    /// Earlier versions are less.
    public static func < (left: TLSVersion, right: TLSVersion) -> Bool {
        left == .v1_2 && right == .v1_3
    }
}

/// What a ``TLSContext`` offers or accepts.
package struct TLSOptions: Sendable, Hashable {
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion
    /// Application protocols in the order of preference (RFC 7301).
    package var applicationProtocols: [String]
    /// What is appended to the system's priority string, for experts.
    package var priority: String?
    /// Whether sessions are resumed: a client then takes tickets, a server gives them.
    package var resumesSessions: Bool
    /// Whether the peer may have the TLS 1.2 handshake made again.
    package var allowsRenegotiation: Bool
    /// Gets the secrets.
    package var keyLog: KeyLog?

    package init(
        minimumVersion: TLSVersion = .v1_2, maximumVersion: TLSVersion = .v1_3, applicationProtocols: [String] = [],
        priority: String? = nil, resumesSessions: Bool = false, allowsRenegotiation: Bool = false,
        keyLog: KeyLog? = nil
    ) {
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.applicationProtocols = applicationProtocols
        self.priority = priority
        self.resumesSessions = resumesSessions
        self.allowsRenegotiation = allowsRenegotiation
        self.keyLog = keyLog
    }

    /// Appended to the system's own string, so that a system-wide policy stays in force.
    var priorityString: String {
        var parts = ["-VERS-ALL"]
        if maximumVersion >= .v1_3 { parts.append("+VERS-TLS1.3") }
        if minimumVersion <= .v1_2 { parts.append("+VERS-TLS1.2") }
        // With a ticket on offer the second handshake of GnuTLS 3.7.9 fails ("unexpected TLS packet").
        if allowsRenegotiation { parts.append("%NO_TICKETS_TLS12") }
        if let priority { parts.append(priority) }
        return parts.joined(separator: ":")
    }
}
