// A member of a group with franz-go; see member.py of the harness.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The callbacks and the polling take turns: BlockRebalanceOnPoll.
type member struct {
	owned map[int32]bool
}

func (m *member) assigned(_ context.Context, _ *kgo.Client, added map[string][]int32) {
	for _, partitions := range added {
		for _, partition := range partitions {
			m.owned[partition] = true
		}
	}
	mine := []int{}
	for partition := range m.owned {
		mine = append(mine, int(partition))
	}
	sort.Ints(mine)
	fmt.Println("assigned", strings.Trim(fmt.Sprint(mine), "[]"))
}

// What was read is committed before another member may go on from there.
func (m *member) revoked(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
	if err := client.CommitUncommittedOffsets(ctx); err != nil {
		log.Fatal(err)
	}
	for _, partitions := range gone {
		for _, partition := range partitions {
			delete(m.owned, partition)
		}
	}
}

func main() {
	bootstrap, topic, group := os.Args[1], os.Args[2], os.Args[3]
	m := member{map[int32]bool{}}
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(200*time.Millisecond),
		kgo.SessionTimeout(6*time.Second),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.OnPartitionsAssigned(m.assigned),
		kgo.OnPartitionsRevoked(m.revoked),
	}
	if strings.HasPrefix(topic, "^") {
		options = append(options, kgo.ConsumeRegex())
	}
	if len(os.Args) > 4 && os.Args[4] == "consumer" {
		options = append(options,
			kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) {
			if ctx.Err() == nil {
				log.Fatal(err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) {
			fmt.Println("record", r.Partition, r.Offset, string(r.Value))
		})
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
}
