// A copy over TCP in which every chunk is sealed and opened, to see what machine and AEAD leave at
// best: what libp2p's Noise must do, without anything else. Chunks of 64 KiB less a tag, as Noise's
// are, each behind two bytes of length, many to a system call; ChaCha20-Poly1305, a counter as
// nonce, a fixed key.
//
//   sealed_copy sink IP            prints its port, throws away what comes, connection after
//   connection sealed_copy send IP PORT FILE  prints the seconds until the sink has said that it
//   has opened all
//
// No authentication and no handshake: this measures, it protects nothing.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t length_bytes = 2;
constexpr std::size_t plain_bytes_max = 65535 - tag_bytes;
constexpr std::size_t frame_bytes_max = length_bytes + plain_bytes_max + tag_bytes;
constexpr std::size_t frames_at_once = 8;
constexpr std::array<unsigned char, 32> key{1, 2, 3};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Cipher {
 public:
  explicit Cipher(bool seals) : seals_(seals), context_(EVP_CIPHER_CTX_new()) {
    if (EVP_CipherInit_ex(context_, EVP_chacha20_poly1305(), nullptr, key.data(), nullptr,
                          seals ? 1 : 0) != 1)
      fail("EVP_CipherInit_ex");
  }
  ~Cipher() { EVP_CIPHER_CTX_free(context_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  /// In place; the tag stands behind the bytes.
  void run(unsigned char* bytes, std::size_t size) {
    std::array<unsigned char, 12> nonce{};
    std::memcpy(nonce.data() + 4, &number_, sizeof number_);
    ++number_;
    int written = 0;
    bool good = EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
    if (!seals_)
      good = good &&
             EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, tag_bytes, bytes + size) == 1;
    good = good &&
           EVP_CipherUpdate(context_, bytes, &written, bytes, static_cast<int>(size)) == 1 &&
           EVP_CipherFinal_ex(context_, bytes + size, &written) == 1;
    if (seals_)
      good = good &&
             EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, tag_bytes, bytes + size) == 1;
    if (!good) {
      std::fputs("sealed_copy: a chunk does not open\n", stderr);
      std::exit(1);
    }
  }

 private:
  bool seals_;
  EVP_CIPHER_CTX* context_;
  std::uint64_t number_ = 0;
};

sockaddr_in address_of(const char* ip, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) fail("an address");
  return address;
}

void write_all(int socket, const unsigned char* bytes, std::size_t size) {
  while (size > 0) {
    ssize_t count = write(socket, bytes, size);
    if (count <= 0) fail("write");
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

/// Opens what comes until the other side ends, then says how much that was.
void serve(int socket) {
  Cipher cipher(false);
  std::vector<unsigned char> buffer(frames_at_once * frame_bytes_max);
  std::size_t held = 0;
  std::uint64_t total = 0;
  for (;;) {
    ssize_t count = read(socket, buffer.data() + held, buffer.size() - held);
    if (count < 0) fail("read");
    if (count == 0) break;
    held += static_cast<std::size_t>(count);
    std::size_t at = 0;
    while (held - at >= length_bytes) {
      std::size_t size = buffer[at] * std::size_t{256} + buffer[at + 1];
      if (size < tag_bytes) fail("a frame");
      if (held - at < length_bytes + size) break;
      cipher.run(buffer.data() + at + length_bytes, size - tag_bytes);
      total += size - tag_bytes;
      at += length_bytes + size;
    }
    std::memmove(buffer.data(), buffer.data() + at, held - at);
    held -= at;
  }
  write_all(socket, reinterpret_cast<const unsigned char*>(&total), sizeof total);
}

int sink(const char* ip) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = address_of(ip, 0);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 1) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail("listen");
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    int socket = accept(listener, nullptr, nullptr);
    if (socket < 0) fail("accept");
    serve(socket);
    close(socket);
  }
}

/// Frames of what the file gives next; 0 at its end.
std::size_t seal_next(int file, Cipher& cipher, std::vector<unsigned char>& buffer) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < frames_at_once; ++i) {
    ssize_t count = read(file, buffer.data() + at + length_bytes, plain_bytes_max);
    if (count < 0) fail("read");
    if (count == 0) break;
    auto plain = static_cast<std::size_t>(count);
    cipher.run(buffer.data() + at + length_bytes, plain);
    buffer[at] = static_cast<unsigned char>((plain + tag_bytes) >> 8);
    buffer[at + 1] = static_cast<unsigned char>(plain + tag_bytes);
    at += length_bytes + plain + tag_bytes;
  }
  return at;
}

int send(const char* ip, int port, const char* path) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (file < 0 || fstat(file, &status) != 0) fail(path);
  auto begun = std::chrono::steady_clock::now();
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = address_of(ip, port);
  if (connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  Cipher cipher(true);
  std::vector<unsigned char> buffer(frames_at_once * frame_bytes_max);
  while (std::size_t size = seal_next(file, cipher, buffer))
    write_all(socket, buffer.data(), size);
  shutdown(socket, SHUT_WR);
  std::uint64_t total = 0;
  if (recv(socket, &total, sizeof total, MSG_WAITALL) != sizeof total ||
      total != static_cast<std::uint64_t>(status.st_size)) {
    std::fputs("sealed_copy: the sink has not got all\n", stderr);
    return 1;
  }
  std::printf("%.6f\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string role = argc > 1 ? argv[1] : "";
  if (role == "sink" && argc == 3) return sink(argv[2]);
  if (role == "send" && argc == 5) return send(argv[2], std::atoi(argv[3]), argv[4]);
  std::fputs("usage: sealed_copy sink IP | sealed_copy send IP PORT FILE\n", stderr);
  return 2;
}
