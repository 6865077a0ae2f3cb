public import GnuTLS
public import MTLSCore

/// Whom a client trusts, and what else it demands of a server's certificate.
///
/// ```swift
/// let trust = Trust.pem("ca.pem")
///     .pinned([try PublicKeyPin("sha256//…")])
///     .revocationLists("ca.crl", policy: .required)
///     .ocsp(.required)
///     .check { server in try await audit(server.path) }
/// ```
///
/// A server is trusted when a path of certificates leads from its own to an anchor by the rules of RFC 5280 §6, with
/// keys and signatures of 112 bits of security at least; when its certificate is for TLS servers, and for the name that
/// was asked for (RFC 9525); and when the pins, the lists, the OCSP staple and the checks given here have nothing against
/// it. An anchor is examined like any authority, but for the signature on it: its dates and constraints bind. It may be an
/// intermediate authority, or the server's own certificate.
public struct Trust: Sendable {
    package enum Anchors: Sendable {
        case system
        case files([String])
        case directory(String)
        case bytes([UInt8])
        case certificates([Certificate])
        case token(String, module: String?)
    }

    package enum Kind: Sendable {
        case anchors([Anchors])
        case anything
    }

    package enum Lists: Sendable {
        case files([String])
        case bytes([UInt8])
    }

    package var kind: Kind
    package var pins: [PublicKeyPin] = []
    package var lists: [Lists] = []
    package var revocation = RevocationPolicy.off
    package var ocsp = OCSPPolicy.ifStapled
    package var depth: Int?
    package var checks: [@Sendable (VerifiedServer) async throws -> Void] = []

    package init(kind: Kind) { self.kind = kind }
}

// MARK: Anchors

extension Trust {
    /// The system's trust anchors. The default.
    public static var system: Trust { .init(kind: .anchors([.system])) }

    /// The certificates in files, in PEM or DER, and no others.
    public static func pem(_ paths: String...) -> Trust { .pem(paths) }

    /// The certificates in files, in PEM or DER, and no others.
    public static func pem(_ paths: [String]) -> Trust { .init(kind: .anchors([.files(paths)])) }

    /// The certificates in PEM bytes, or in DER, and no others.
    public static func pem(bytes: [UInt8]) -> Trust { .init(kind: .anchors([.bytes(bytes)])) }

    /// The certificates in the files of a directory, in PEM or DER, and no others: one that `c_rehash` made, or any
    /// other. Files that hold no certificate are passed over, and its own directories are not entered.
    public static func directory(_ path: String) -> Trust { .init(kind: .anchors([.directory(path)])) }

    /// These certificates, and no others.
    public static func certificates(_ certificates: [Certificate]) -> Trust {
        .init(kind: .anchors([.certificates(certificates)]))
    }

    /// The certificates in a PKCS#11 token that a URI (RFC 7512) names, and no others. Nobody logs in.
    ///
    /// - Parameter module: The PKCS#11 module, where neither the URI nor p11-kit's configuration names one.
    public static func token(_ uri: String, module: String? = nil) -> Trust {
        .init(kind: .anchors([.token(uri, module: module)]))
    }

    /// The system's trust anchors and those of `other`, with all that `other` demands.
    public static func systemAnd(_ other: Trust) -> Trust { other.and(.system) }

    /// The anchors of both. What either demands counts.
    public func and(_ other: Trust) -> Trust {
        var sum = self
        if case .anchors(let mine) = kind, case .anchors(let others) = other.kind {
            sum.kind = .anchors(mine + others)
        } else {
            sum.kind = .anything
        }
        sum.pins += other.pins
        sum.lists += other.lists
        sum.revocation = max(revocation, other.revocation)
        // What was left at its default says nothing.
        if other.ocsp != .ifStapled { sum.ocsp = ocsp == .ifStapled ? other.ocsp : max(ocsp, other.ocsp) }
        sum.depth = [depth, other.depth].compactMap { $0 }.min()
        sum.checks += other.checks
        return sum
    }

    /// Any server whatever: its certificate proves nothing, and the client's certificate and requests go to whoever
    /// answers. A development CA costs one command and is the better way. Pins and checks of one's own still count, all
    /// else does not. A warning is logged.
    public static var dangerouslyTrustAnything: Trust { .init(kind: .anything) }
}

// MARK: Demands

extension Trust {
    /// Demands that the server's own public key be one of these. More pins may be added, of which one has to match; the
    /// rest of the verification stays as it is.
    public func pinned(_ pins: [PublicKeyPin]) -> Trust {
        var copy = self
        copy.pins += pins
        return copy
    }

    /// Refuses what revocation lists (RFC 5280 §5) name.
    ///
    /// A list counts when the issuer of the certificate in question has signed it. Lists that are indirect, or deltas, or
    /// have another critical extension, say nothing.
    ///
    /// - Parameters:
    ///   - paths: Files in PEM or DER, read with the anchors.
    ///   - policy: What the lists have to say.
    public func revocationLists(_ paths: String..., policy: RevocationPolicy = .ifAvailable) -> Trust {
        revocationLists(paths, policy: policy)
    }

    /// Refuses what revocation lists in files name.
    public func revocationLists(_ paths: [String], policy: RevocationPolicy = .ifAvailable) -> Trust {
        with(.files(paths), policy)
    }

    /// Refuses what revocation lists, in PEM or DER, name.
    public func revocationLists(bytes: [UInt8], policy: RevocationPolicy = .ifAvailable) -> Trust {
        with(.bytes(bytes), policy)
    }

    private func with(_ lists: Lists, _ policy: RevocationPolicy) -> Trust {
        var copy = self
        copy.lists.append(lists)
        copy.revocation = max(revocation, policy)
        return copy
    }

    /// What is demanded of the OCSP response that a server staples to the handshake (RFC 6066 §8).
    public func ocsp(_ policy: OCSPPolicy) -> Trust {
        var copy = self
        copy.ocsp = policy
        return copy
    }

    /// Allows so many authorities between the server's certificate and the anchor; 32 without it.
    public func depth(_ authorities: Int) -> Trust {
        var copy = self
        copy.depth = authorities
        return copy
    }

    /// Adds a check of one's own, made after all others, inside the handshake: nothing is signed before it has returned.
    ///
    /// It may take its time, within ``Timeouts/handshake``, and runs on Swift's thread pool. What it throws refuses the
    /// server: an ``MTLSError`` as it is, anything else as ``MTLSError/Code/certificateRefused``.
    public func check(_ check: @escaping @Sendable (VerifiedServer) async throws -> Void) -> Trust {
        var copy = self
        copy.checks.append(check)
        return copy
    }
}

/// A server whose certificate passed the verification, for a check of one's own.
public struct VerifiedServer: Sendable {
    /// Where the connection goes.
    public let endpoint: Endpoint
    /// The name that its certificate was held against.
    public let name: String
    /// From the server's certificate to the anchor. Where anything is trusted, what the server sent.
    public let path: [Certificate]

    package init(endpoint: Endpoint, name: String, path: [Certificate]) {
        self.endpoint = endpoint
        self.name = name
        self.path = path
    }
}

/// What revocation lists have to say of each certificate between the server's and the anchor, which is not looked up.
public enum RevocationPolicy: Int, Sendable, Hashable, Comparable {
    /// Lists are not looked at.
    case off
    /// A certificate that no list is about is good. Where a list is about it, one has to be in force, and none may name
    /// it.
    case ifAvailable
    /// Each certificate needs a list that is in force, and none may name it.
    case required

    /// The stricter is the greater.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What is demanded of OCSP staples.
public enum OCSPPolicy: Int, Sendable, Hashable, Comparable {
    /// Staples are not looked at, not even where a certificate demands one.
    case off
    /// What is stapled has to be good. The default. A certificate that demands a staple (RFC 7633) needs one.
    case ifStapled
    /// The server's certificate needs a good staple.
    case required

    /// The stricter is the greater.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
