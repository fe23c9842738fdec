// Node: one simulated machine: its addresses, its disk, its workers, its log, and the life of the
// program on it.
//
// What the program is lives in the frames of tasks given to spawn(): a test that keeps a node's
// objects elsewhere can't crash the node. A crash (kill) is instantaneous for the rest of the
// world: the network, the disk and the workers of that life answer errors from then on (ENETDOWN,
// EIO, Errc::cancelled), its tasks are cancelled, and the disk loses what was not synced. The
// cancelled tasks then unwind as ordinary coroutines do, which nothing outside can see; they don't
// hold up restart(), which begins a new life with a new Env on the same disk. References to an Env,
// and objects made from it, belong to one life.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/disk.hpp>
#include <kith/sim/heap.hpp>
#include <kith/sim/log.hpp>
#include <kith/sim/net.hpp>
#include <kith/sim/work_pool.hpp>

namespace kith::sim {

class World;

struct NodeOptions {
  std::string name;  ///< "n" and the number by default
  /// 10.x.y.z and fd00::x:y by default, made from the node's number.
  std::vector<port::IpAddress> addresses;
  /// Multicast stays in a segment.
  std::uint32_t segment = 0;
  Duration wall_skew{0};
  WorkPoolOptions work_pool;
  DiskOptions disk;
};

enum class Crash : std::uint8_t {
  process,  ///< the program is killed: peers see resets, the disk keeps what was written
  power,    ///< the machine stops: peers see silence, the disk loses some of what was not synced
};

class Node {
 public:
  Node(World& world, NodeId id, NodeOptions options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  NodeId id() const noexcept { return id_; }
  const std::string& name() const noexcept { return options_.name; }
  /// The Env of the present life. The node must be up.
  port::Env& env();
  /// Its first address of the family.
  port::IpAddress address(port::IpFamily family = port::IpFamily::v4) const;
  port::Endpoint endpoint(std::uint16_t port) const { return {address(), port}; }

  /// Gives it other addresses, none of which another node has. It must be up.
  void set_addresses(std::vector<port::IpAddress> addresses);

  /// Starts a task of the present life; it is cancelled when the life or the world ends.
  void spawn(Task<void> task);

  bool up() const noexcept;
  void kill(Crash how);
  void restart();

  Host& host();
  /// Also while it is down. disk().faults().crash_at(n) and kill_at(n) kill the node in its n-th
  /// disk operation.
  Disk& disk() noexcept { return *disk_; }
  NodeLog& log() noexcept { return *log_; }
  /// Of all its lives, if the program counts (heap.hpp). What its disk holds isn't among it.
  heap::Use memory() const noexcept { return heap::use_of(id_); }
  void set_wall_skew(Duration skew);

 private:
  friend class World;
  struct Life;
  struct DiskFailure;
  void begin_life();
  void cancel_all() noexcept;
  std::size_t live_tasks() const noexcept;

  World& world_;
  NodeId id_;
  NodeOptions options_;
  std::unique_ptr<NodeLog> log_;
  std::unique_ptr<VirtualWallClock> wall_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<DiskFailure> disk_failure_;
  /// All of them until the world ends: tasks of an ended one may still unwind.
  std::vector<std::unique_ptr<Life>> lives_;
};

}  // namespace kith::sim
