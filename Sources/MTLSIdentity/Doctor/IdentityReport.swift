/// What an examination of an identity found.
public struct IdentityReport: Sendable {
    /// How bad a finding is.
    public enum Severity: String, Sendable, Hashable, CaseIterable {
        /// All is well.
        case ok
        /// The identity works now; something about it should be changed.
        case warning
        /// The identity does not work.
        case failure
    }

    /// One thing that was examined.
    public struct Finding: Sendable, Hashable {
        /// What was found.
        public let code: Code
        /// How bad it is.
        public let severity: Severity
        /// One line for people, with no secret in it. Control characters of tokens and certificates are escaped.
        public let message: String
        /// What to do about it, where there is something to do.
        public let remedy: String?
    }

    /// A stable name for a finding. The set is open: a failure that comes as an error has the code of that
    /// ``MTLSError``, and new codes come with new releases.
    public struct Code: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The printable name, such as `certificate.expired`.
        public let rawValue: String
        /// Makes a code.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// The printable name.
        public var description: String { rawValue }
    }

    /// The findings, in the order in which they were made.
    public internal(set) var findings: [Finding] = []

    /// Whether the identity can be used: nothing is a ``Severity/failure``.
    public var isUsable: Bool { findings.allSatisfy { $0.severity != .failure } }
    /// Whether nothing is worth a word.
    public var isFlawless: Bool { findings.allSatisfy { $0.severity == .ok } }

    /// The findings with this code.
    public subscript(code: Code) -> [Finding] { findings.filter { $0.code == code } }
}

extension IdentityReport.Code {
    private init(_ rawValue: String) { self.init(rawValue: rawValue) }

    /// The module was loaded.
    public static let module = Self("module")
    /// The token was found.
    public static let token = Self("token")
    /// The state of the PIN is as it should be, or the token has none.
    public static let pin = Self("pin")
    /// A wrong PIN was given before, and few tries are left.
    public static let pinTriesLow = Self("pin.triesLow")
    /// One wrong PIN more locks the token.
    public static let pinFinalTry = Self("pin.finalTry")
    /// The PIN is locked.
    public static let pinLocked = Self("pin.locked")
    /// The token demands another PIN.
    public static let pinToBeChanged = Self("pin.toBeChanged")
    /// The token wants a login, and nobody has set a user's PIN.
    public static let pinNotSet = Self("pin.notSet")
    /// The login succeeded.
    public static let login = Self("login")
    /// The certificate was found.
    public static let certificate = Self("certificate")
    /// The certificate is valid today, and for some time to come.
    public static let certificateDates = Self("certificate.dates")
    /// A certificate of the chain has expired.
    public static let certificateExpired = Self("certificate.expired")
    /// A certificate of the chain expires soon.
    public static let certificateExpiresSoon = Self("certificate.expiresSoon")
    /// A certificate of the chain is not valid yet.
    public static let certificateNotYetValid = Self("certificate.notYetValid")
    /// The certificate restricts its key to purposes other than a TLS client's.
    public static let certificatePurpose = Self("certificate.purpose")
    /// The chain is complete, as far as can be told.
    public static let chain = Self("chain")
    /// The certificate's issuer is neither sent nor known to be a root.
    public static let chainIncomplete = Self("chain.incomplete")
    /// The certificate is its own issuer.
    public static let chainSelfSigned = Self("chain.selfSigned")
    /// The private key was found.
    public static let key = Self("key")
    /// Key and certificate belong together.
    public static let keyMatch = Self("key.match")
    /// Key and certificate do not belong together.
    public static let keyMismatch = Self("key.mismatch")
    /// The key cannot leave the token, and never could.
    public static let keyCustody = Self("key.custody")
    /// The key can be read out.
    public static let keyNotSensitive = Self("key.notSensitive")
    /// The key can be wrapped and taken out.
    public static let keyExtractable = Self("key.extractable")
    /// The key could be taken out once, or was made elsewhere.
    public static let keyImported = Self("key.imported")
    /// The key wants the PIN for each signature.
    public static let keyAlwaysAuthenticates = Self("key.alwaysAuthenticates")
    /// By which versions of TLS the token can sign.
    public static let mechanisms = Self("mechanisms")
    /// The token cannot sign in TLS 1.3.
    public static let mechanismsTLS12Only = Self("mechanisms.tls12Only")
    /// The token cannot sign with this key at all.
    public static let mechanismsMissing = Self("mechanisms.missing")
    /// A test signature was made and verified.
    public static let signature = Self("signature")
}
