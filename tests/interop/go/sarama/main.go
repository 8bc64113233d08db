// A member of a group with sarama; see member.py of the harness.
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

	"github.com/IBM/sarama"
)

type member struct{ topic string }

func (m member) Setup(session sarama.ConsumerGroupSession) error {
	mine := []int{}
	for _, partition := range session.Claims()[m.topic] {
		mine = append(mine, int(partition))
	}
	sort.Ints(mine)
	fmt.Println("assigned", strings.Trim(fmt.Sprint(mine), "[]"))
	return nil
}

func (member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// Once per partition, each in a goroutine. What is marked when the last of them
// returns is committed before the next generation.
func (member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-session.Context().Done():
			return nil
		case r, open := <-claim.Messages():
			if !open {
				return nil
			}
			fmt.Printf("record %d %d %s\n", r.Partition, r.Offset, r.Value)
			session.MarkMessage(r, "")
		}
	}
}

func main() {
	bootstrap, topic, group := os.Args[1], os.Args[2], os.Args[3]
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Return.Errors = true
	consumer, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	go func() {
		for err := range consumer.Errors() {
			log.Fatal(err)
		}
	}()
	// Each call is one generation.
	for ctx.Err() == nil {
		if err := consumer.Consume(ctx, []string{topic}, member{topic}); err != nil {
			log.Fatal(err)
		}
	}
	if err := consumer.Close(); err != nil {
		log.Fatal(err)
	}
}
