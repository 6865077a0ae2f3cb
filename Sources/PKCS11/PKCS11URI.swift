public import SecretMemory

/// A PKCS#11 URI (RFC 7512): which token, and which object in it.
///
/// Values are bytes, because labels of tokens and objects need not be UTF-8. An attribute that is nil matches anything.
/// The PIN of a `pin-value` attribute is held in locked memory; ``formatted`` and ``description`` leave it out.
public struct PKCS11URI: Sendable, Equatable {
    /// What an object is.
    public enum ObjectType: String, Sendable, CaseIterable {
        /// A certificate.
        case certificate = "cert"
        /// A public key.
        case publicKey = "public"
        /// A private key.
        case privateKey = "private"
        /// A symmetric key.
        case secretKey = "secret-key"
        /// A data object.
        case data
    }

    /// The label of the token.
    public var token: [UInt8]?
    /// The manufacturer of the token.
    public var manufacturer: [UInt8]?
    /// The serial number of the token.
    public var serial: [UInt8]?
    /// The model of the token.
    public var model: [UInt8]?
    /// The manufacturer of the module.
    public var libraryManufacturer: [UInt8]?
    /// The description of the module.
    public var libraryDescription: [UInt8]?
    /// The version of the module.
    public var libraryVersion: LibraryVersion?
    /// The label of the object (`CKA_LABEL`).
    public var object: [UInt8]?
    /// What the object is.
    public var type: ObjectType?
    /// The identifier of the object (`CKA_ID`).
    public var id: [UInt8]?
    /// The number of the slot. Many modules number their slots anew at each start: prefer ``serial`` or ``token``.
    public var slotID: UInt?
    /// The description of the slot.
    public var slotDescription: [UInt8]?
    /// The manufacturer of the slot.
    public var slotManufacturer: [UInt8]?
    /// Where the PIN is to be read, uninterpreted.
    public var pinSource: String?
    /// The PIN.
    public var pinValue: SecretBytes?
    /// The name of the module in p11-kit's configuration.
    public var moduleName: String?
    /// The path of the module.
    public var modulePath: String?

    /// A URI that matches everything.
    public init() {}

    /// The version of a module.
    public struct LibraryVersion: Sendable, Hashable {
        /// The number before the point.
        public var major: UInt8
        /// The number behind the point, 0 where none is written.
        public var minor: UInt8

        /// Makes a version.
        public init(major: UInt8, minor: UInt8 = 0) {
            self.major = major
            self.minor = minor
        }
    }
}

extension PKCS11URI {
    /// Every attribute that RFC 7512 knows, in the order in which we write them.
    enum Name: String, CaseIterable {
        case token, manufacturer, serial, model
        case libraryManufacturer = "library-manufacturer"
        case libraryDescription = "library-description"
        case libraryVersion = "library-version"
        case slotID = "slot-id"
        case slotDescription = "slot-description"
        case slotManufacturer = "slot-manufacturer"
        case object, type, id
        case pinSource = "pin-source"
        case pinValue = "pin-value"
        case moduleName = "module-name"
        case modulePath = "module-path"

        var isQuery: Bool {
            switch self {
            case .pinSource, .pinValue, .moduleName, .modulePath: true
            default: false
            }
        }
    }

    /// The attributes whose values are bytes that nothing interprets.
    static let byteFields: [(Name, any WritableKeyPath<PKCS11URI, [UInt8]?> & Sendable)] = [
        (.token, \.token), (.manufacturer, \.manufacturer), (.serial, \.serial), (.model, \.model),
        (.libraryManufacturer, \.libraryManufacturer), (.libraryDescription, \.libraryDescription),
        (.slotDescription, \.slotDescription), (.slotManufacturer, \.slotManufacturer), (.object, \.object),
        (.id, \.id),
    ]

    /// The attributes whose values are text.
    static let textFields: [(Name, any WritableKeyPath<PKCS11URI, String?> & Sendable)] = [
        (.pinSource, \.pinSource), (.moduleName, \.moduleName), (.modulePath, \.modulePath),
    ]

    /// Whether an attribute restricts which objects match.
    package var namesObject: Bool { object != nil || id != nil }
}
