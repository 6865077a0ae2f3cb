import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Pages of their own, locked against swapping and left out of core dumps where the system permits.
///
/// Every TLS 1.3 ticket is a secret: locking a page, and unlocking it, for each costs more than to keep a few that are
/// wiped.
struct LockedPages {
    let memory: UnsafeMutableRawPointer
    private let size: Int
    private let isLocked: Bool

    /// Single pages that are locked, wiped and nobody's, by their addresses.
    private static let spare = Mutex<[UInt]>([])
    private static let spareLimit = 4
    private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

    /// All zeros, and room for so many bytes.
    init(holding capacity: Int) {
        let page = Self.pageSize
        size = max(1, (capacity + page - 1) / page) * page
        if size == page, let spare = Self.spare.withLock({ $0.popLast() }),
            let memory = UnsafeMutableRawPointer(bitPattern: spare)
        {
            self.memory = memory
            isLocked = true
            return
        }
        guard let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED
        else { fatalError("out of memory") }  // safe: as when any other allocation in Swift fails
        self.memory = memory
        let wasLocked = mlock(memory, size) == 0
        let isLeftOut = madvise(memory, size, 16 /* MADV_DONTDUMP */) == 0
        isLocked = wasLocked && isLeftOut
    }

    /// Wipes the pages; once, and nobody touches them afterwards.
    func giveBack() {
        SecretBytes.wipe(UnsafeMutableRawBufferPointer(start: memory, count: size))
        if size == Self.pageSize, isLocked {
            let isKept = Self.spare.withLock { spare in
                guard spare.count < Self.spareLimit else { return false }
                spare.append(UInt(bitPattern: memory))
                return true
            }
            if isKept { return }
        }
        munlock(memory, size)
        munmap(memory, size)
    }
}
