import CP11Kit

/// What a module says of itself.
package struct ModuleInfo: Sendable, Hashable {
    package let manufacturer: TokenText
    package let description: TokenText
    package let version: PKCS11URI.LibraryVersion
    /// The version of PKCS#11 that the module speaks.
    package let cryptokiVersion: PKCS11URI.LibraryVersion

    init(_ info: CK_INFO) {
        manufacturer = TokenText(padded: info.manufacturerID)
        description = TokenText(padded: info.libraryDescription)
        version = .init(major: info.libraryVersion.major, minor: info.libraryVersion.minor)
        cryptokiVersion = .init(major: info.cryptokiVersion.major, minor: info.cryptokiVersion.minor)
    }
}

/// What a slot says of itself.
package struct SlotInfo: Sendable, Hashable {
    package let id: UInt
    package let description: TokenText
    package let manufacturer: TokenText
    /// Tokens can be taken out of this slot.
    package let isRemovable: Bool
    package let isHardware: Bool

    init(_ id: CK_SLOT_ID, _ info: CK_SLOT_INFO) {
        self.id = id
        description = TokenText(padded: info.slotDescription)
        manufacturer = TokenText(padded: info.manufacturerID)
        isRemovable = info.flags & CKF_REMOVABLE_DEVICE != 0
        isHardware = info.flags & CKF_HW_SLOT != 0
    }
}

/// What a token says of itself.
package struct TokenInfo: Sendable, Hashable {
    package let label: TokenText
    package let manufacturer: TokenText
    package let model: TokenText
    package let serial: TokenText
    package let flags: Flags
    /// How many sessions one program may have, nil where there is no limit, or none is known.
    package let maxSessions: Int?
    /// How many read-write sessions one program may have, nil where there is no limit, or none is known.
    package let maxWritableSessions: Int?

    package struct Flags: OptionSet, Sendable, Hashable {
        package let rawValue: UInt
        package init(rawValue: UInt) { self.rawValue = rawValue }

        package static let writeProtected = Flags(rawValue: CKF_WRITE_PROTECTED)
        package static let loginRequired = Flags(rawValue: CKF_LOGIN_REQUIRED)
        package static let userPINInitialized = Flags(rawValue: CKF_USER_PIN_INITIALIZED)
        package static let protectedAuthenticationPath = Flags(rawValue: CKF_PROTECTED_AUTHENTICATION_PATH)
        package static let tokenInitialized = Flags(rawValue: CKF_TOKEN_INITIALIZED)
        package static let userPINCountLow = Flags(rawValue: CKF_USER_PIN_COUNT_LOW)
        package static let userPINFinalTry = Flags(rawValue: CKF_USER_PIN_FINAL_TRY)
        package static let userPINLocked = Flags(rawValue: CKF_USER_PIN_LOCKED)
        package static let userPINToBeChanged = Flags(rawValue: CKF_USER_PIN_TO_BE_CHANGED)
    }

    init(_ info: CK_TOKEN_INFO) {
        label = TokenText(padded: info.label)
        manufacturer = TokenText(padded: info.manufacturerID)
        model = TokenText(padded: info.model)
        serial = TokenText(padded: info.serialNumber)
        flags = Flags(rawValue: info.flags)
        maxSessions = Self.limit(info.ulMaxSessionCount)
        maxWritableSessions = Self.limit(info.ulMaxRwSessionCount)
    }

    /// 0 is `CK_EFFECTIVELY_INFINITE`, all ones `CK_UNAVAILABLE_INFORMATION`, also from modules that compute in 32 bits.
    private static func limit(_ count: UInt) -> Int? {
        count == 0 || count == UInt.max || count == UInt(UInt32.max) ? nil : Int(clamping: count)
    }

    /// Whether `other` is the same token, perhaps in another state.
    func isSameToken(as other: TokenInfo) -> Bool { serial == other.serial && label == other.label }
}

/// A token in a slot.
package struct SlotWithToken: Sendable, Hashable {
    package let slot: SlotInfo
    package let token: TokenInfo
}

extension PKCS11URI {
    /// Whether the attributes that describe a module match.
    package func matches(_ module: ModuleInfo) -> Bool {
        matches(libraryManufacturer, module.manufacturer) && matches(libraryDescription, module.description)
            && (libraryVersion ?? module.version) == module.version
    }

    /// Whether the attributes that describe a slot and its token match.
    package func matches(_ found: SlotWithToken) -> Bool {
        matches(token, found.token.label) && matches(manufacturer, found.token.manufacturer)
            && matches(serial, found.token.serial) && matches(model, found.token.model)
            && (slotID ?? found.slot.id) == found.slot.id && matches(slotDescription, found.slot.description)
            && matches(slotManufacturer, found.slot.manufacturer)
    }

    private func matches(_ wanted: [UInt8]?, _ text: TokenText) -> Bool { wanted == nil || wanted == text.bytes }
}
